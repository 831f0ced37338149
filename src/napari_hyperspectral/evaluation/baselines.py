"""Classical methods, tuned on the training ground: what a network has to beat.

A method gets the same courtesy as a network: the same pixels to learn from, its settings tuned
on them by cross-validation over blocks, the same measure, and, where it does not learn the unit
of its target, one scale and offset from the training ground to be brought to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..metrics import confusion, fitted_mse, mse, overall_accuracy
from ..spectra.decompose import ComponentRegression, PrincipalComponents
from ..spectra.smooth import savitzky_golay

Data = NDArray[Any]
Good = NDArray[np.bool_]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Spectra to learn from, and spectra to judge by."""

_BLOCK: Final = 8
"""Side of the blocks over which methods are tuned, in pixels."""
_LOCAL_COMPONENTS: Final = 5
_BLURS: Final = (0, 1, 2, 4, 8)
"""Standard deviations in pixels at which the trees see the surroundings."""
_FOLDS: Final = 5
_ENOUGH: Final = 4000
"""Spectra to tune on; more take longer and change nothing."""
_RANKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100)
_PENALTIES: Final = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
_COSTS: Final = (1.0, 10.0, 100.0, 1000.0)
_GAMMAS: Final = (1e-4, 1e-3, 1e-2, 1e-1)


class Ground(NamedTuple):
    """The spectra of the training ground, in a row."""

    input: Data
    """Shape (band, 1, spectrum)."""
    target: Data
    """Clean spectra, (band, 1, spectrum), or classes, (1, spectrum)."""
    block: NDArray[np.integer]
    """Block that each spectrum lies in, (spectrum,): neighbours are never torn apart."""


class Method(NamedTuple):
    """A classical method with its settings."""

    name: str
    settings: str
    run: Callable[[Data], NDArray[Any]]
    """From intensities, (…, band, y, x), to cleaner ones, or to classes, (…, y, x)."""


def denoisers(ground: Ground, good: Good) -> Iterator[Method]:
    """Yield the methods that a denoising network has to beat, tuned one by one.

    Raw, Savitzky–Golay, truncation to principal components, and ridge regression on them.
    """
    few = _few(ground)
    yield _aligned(Method("raw", "", lambda data: np.asarray(data, np.float32)), ground, good)
    yield _aligned(tuned_savitzky_golay(few, good), ground, good)
    yield _aligned(tuned_truncation(few, good), ground, good)
    yield tuned_regression(few, good)


def enlargers(scale: int, offset: tuple[float, float]) -> Iterator[Method]:
    """Yield the methods that super-resolution has to beat: the nearest pixel, and cubic convolution.

    Both know where the coarse pixels lie in the fine image; unregistered, they would be a pixel or
    two off, and easy to beat. Source: Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711

    Parameters
    ----------
    scale : int
        Fine rows, and columns, of a coarse pixel.
    offset : (float, float)
        Row and column of the centre of the first coarse pixel, in fine pixels.
    """
    for name, kernel in (("nearest", _nearest), ("bicubic", _cubic)):

        def run(data: Data, kernel: _Kernel = kernel) -> Data:
            rows, columns = (
                _interpolation(kernel, size, scale, start)
                for size, start in zip(data.shape[-2:], offset, strict=True)
            )
            known = np.isfinite(data)
            found = rows @ np.where(known, data, 0) @ columns.T
            share = rows @ known.astype(np.float64) @ columns.T
            found = np.where(share > 0.5, found / np.where(share > 0.5, share, 1), np.nan)
            return np.asarray(found, np.float32)

        yield Method(name, "registered", run)


_Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _nearest(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights by distance in coarse pixels; between two pixels, the later one is taken."""
    return ((distance > -0.5) & (distance <= 0.5)).astype(np.float64)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of cubic convolution with a = -1/2."""
    d = np.abs(distance)
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _interpolation(kernel: _Kernel, size: int, scale: int, start: float) -> NDArray[np.float64]:
    """Return what each fine pixel takes of each coarse one, (fine, coarse).

    Beyond its border an image goes on as it ends.
    """
    places = (np.arange(size * scale) - start) / scale
    beyond = 3 + int(np.abs(places).max()) - size + 1
    coarse = np.arange(-beyond, size + beyond)
    weights = kernel(places[:, None] - coarse)
    within: NDArray[np.float64] = weights @ np.eye(size)[coarse.clip(0, size - 1)]
    return within


def tuned_savitzky_golay(ground: Ground, good: Good, orders: int = 4, windows: int = 81) -> Method:
    """Return the Savitzky–Golay filter that comes closest to the clean training spectra.

    All orders up to `orders` and odd windows up to `windows` are tried; where the best lies on
    the edge of that grid, it is widened.
    """
    bands = len(ground.input)
    scores: dict[tuple[int, int], float] = {}
    while True:
        for order, window in product(range(orders + 1), range(1, min(windows, bands) + 1, 2)):
            if order < window and (order, window) not in scores:
                smooth = savitzky_golay(ground.input, order, window, good=good)
                scores[order, window] = fitted_mse(smooth, ground.target, good=good)
        best = min(scores, key=lambda setting: scores[setting])
        widest = max(window for _, window in scores)
        if best[1] == widest and windows < bands:
            windows *= 2
        elif best[0] == orders and orders < 12:
            orders += 2
        else:
            break
    order, window = best
    return Method(
        "Savitzky–Golay",
        f"SG({order}, {window})",
        lambda data: savitzky_golay(data, order, window, good=good),
    )


def tuned_truncation(ground: Ground, good: Good) -> Method:
    """Return the truncation to as many principal components as serve unseen blocks best."""
    input = _without_bad(ground.input, good)
    scores: dict[int, list[float]] = {}
    for learn, judge in block_folds(ground.block):
        components = PrincipalComponents.of(input[:, :, learn], _RANKS[-1])
        for rank in _ranks(components):
            found = components.first(rank).truncate(input[:, :, judge])
            error = fitted_mse(found, ground.target[:, :, judge], good=good)
            scores.setdefault(rank, []).append(error)
    rank = _best(scores)
    components = PrincipalComponents.of(input, rank)
    return Method(
        "PCA",
        f"rank {rank}",
        lambda data: components.truncate(_without_bad(data, good)),
    )


def tuned_regression(ground: Ground, good: Good) -> Method:
    """Return the ridge regression on principal components that serves unseen blocks best."""
    target = np.where(good[:, None, None], ground.target, 0)  # what is bad must not be learned

    def error(found: Data, truth: Data) -> float:
        return fitted_mse(found, truth, good=good)

    return _tuned_ridge(ground._replace(target=target), good, error)


def predictors(input: Data, target: Data, train: Good, good: Good) -> Iterator[Method]:
    """Yield the methods that a prediction of other channels has to beat.

    The mean of each channel, a tuned ridge regression of each spectrum, and gradient-boosted
    trees, which see the surroundings as well.

    Parameters
    ----------
    input, target : ndarray, shape (…, band, y, x) and (…, channel, y, x)
    train : ndarray of bool, shape (y, x)
        The pixels whose `target` may be looked at.
    good : ndarray of bool, shape (band,)
        Bands of `input` that are to be used.
    """
    targets = spectra_of(target, train)
    mean = np.nanmean(targets, axis=(1, 2))[:, None, None]
    spread = np.nanstd(targets, axis=(1, 2))[:, None, None]
    spread = np.where(spread > 0, spread, 1.0)

    def constant(data: Data) -> Data:
        return np.broadcast_to(mean, (*data.shape[:-3], len(mean), *data.shape[-2:]))

    def error(found: Data, truth: Data) -> float:
        return mse(found / spread, truth / spread)

    yield Method("mean", "", constant)
    ground = Ground(spectra_of(input, train), targets, blocks_of(train, input.shape))
    yield _tuned_ridge(_few(ground), good, error)
    yield local_trees(input, targets, train, good)


def local_trees(input: Data, targets: Data, train: Good, good: Good, seed: int = 0) -> Method:
    """Return gradient-boosted trees on blurred principal components, an ensemble a channel.

    Their number is settled on a tenth of the training pixels. Source: Friedman 2001,
    https://doi.org/10.1214/aos/1013203451
    """
    from scipy.ndimage import gaussian_filter
    from sklearn.ensemble import HistGradientBoostingRegressor

    components = PrincipalComponents.of(
        _without_bad(spectra_of(input, train), good), _LOCAL_COMPONENTS
    )

    def features(data: Data) -> Data:
        """Return what the trees see of each pixel, (…, y, x, feature)."""
        size = (*data.shape[:-3], *data.shape[-2:])
        scores = components.scores(_without_bad(data, good)).reshape(*size, -1)
        still = (0,) * (len(size) - 2)
        blurs = [gaussian_filter(scores, (*still, blur, blur, 0)) for blur in _BLURS]
        return np.concatenate(blurs, axis=-1)

    seen = features(input)[..., train, :]
    seen = seen.reshape(-1, seen.shape[-1])
    ensembles = []
    for target in targets[:, 0]:
        known = np.isfinite(target)
        trees = HistGradientBoostingRegressor(early_stopping=True, random_state=seed)
        ensembles.append(trees.fit(seen[known], target[known]))

    def run(data: Data) -> Data:
        found = features(data)
        rows = found.reshape(-1, found.shape[-1])
        channels = [trees.predict(rows).reshape(found.shape[:-1]) for trees in ensembles]
        return np.stack(channels, axis=-3).astype(np.float32)

    return Method("trees", f"blurs {', '.join(map(str, _BLURS))}", run)


def _tuned_ridge(ground: Ground, good: Good, error: Callable[[Data, Data], float]) -> Method:
    input, target = _without_bad(ground.input, good), ground.target
    errors: dict[tuple[int, float], list[float]] = {}
    for learn, judge in block_folds(ground.block):
        components = PrincipalComponents.of(input[:, :, learn], _RANKS[-1])
        for rank, penalty in product(_ranks(components), _PENALTIES):
            learned = ComponentRegression.fit(
                components.first(rank), input[:, :, learn], target[:, :, learn], penalty
            )
            found = learned(input[:, :, judge])
            errors.setdefault((rank, penalty), []).append(error(found, target[:, :, judge]))
    rank, penalty = _best(errors)
    learned = ComponentRegression.fit(PrincipalComponents.of(input, rank), input, target, penalty)
    return Method(
        "PCA + ridge",
        f"rank {rank}, penalty {penalty:g}",
        lambda data: learned(_without_bad(data, good)),
    )


def tuned_svm(ground: Ground, good: Good, seed: int = 0) -> Method:
    """Return a support vector machine with radial basis functions, on standardised bands.

    Its C and gamma are those that serve unseen blocks best; where the best lies on the edge of
    the grid, it is widened. Source: Melgani & Bruzzone 2004,
    https://doi.org/10.1109/TGRS.2004.831865
    """
    from sklearn.svm import SVC

    known = np.isfinite(ground.input[good, 0]).any(axis=0) & (ground.target[0] > 0)
    table, classes = ground.input[good][:, 0, known].T, ground.target[0, known].astype(np.int64)
    mean, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    spread = np.where(spread > 0, spread, 1.0)

    def standardised(spectra: Data) -> Data:
        zero_for_missing: Data = np.nan_to_num((spectra - mean) / spread)
        return zero_for_missing

    table = standardised(table)
    folds = list(class_folds(classes, ground.block[known], seed))

    def score(cost: float, gamma: float) -> float:
        found = np.zeros_like(classes)
        for learn, judge in folds:
            machine = SVC(C=cost, gamma=gamma).fit(table[learn], classes[learn])
            found[judge] = machine.predict(table[judge])
        return overall_accuracy(confusion(found[None], classes[None], int(classes.max())))

    cost, gamma = _widened(score, _COSTS, _GAMMAS)
    machine = SVC(C=cost, gamma=gamma).fit(table, classes)

    def run(data: Data) -> NDArray[np.int64]:
        spectra = np.moveaxis(data, -3, -1)[..., good]
        measured = np.isfinite(spectra).any(axis=-1)
        found = np.zeros(measured.shape, np.int64)
        if measured.any():
            found[measured] = machine.predict(standardised(spectra[measured]))
        return found

    return Method("SVM", f"C {cost:g}, gamma {gamma:g}", run)


def spectra_of(data: Data, mask: Good) -> Data:
    """Return the spectra of some pixels of all planes in a row, (band, 1, spectrum)."""
    chosen = np.moveaxis(data, -3, 0)[..., mask]  # (band, …, pixel)
    return chosen.reshape(len(chosen), 1, -1)


def blocks_of(train: Good, shape: tuple[int, ...]) -> NDArray[np.integer]:
    """Return the block that each spectrum of `spectra_of` lies in, for data of a shape."""
    y, x = np.nonzero(train)
    planes = int(np.prod(shape[:-3], dtype=int))
    return np.tile(x // _BLOCK * train.shape[0] + y // _BLOCK, planes)


def block_folds(block: NDArray[np.integer]) -> Iterator[Fold]:
    """Yield folds of whole blocks; of a single block, its two halves."""
    blocks = np.unique(block)
    if len(blocks) < 2:
        block = np.arange(len(block)) * 2 // max(len(block), 1)
        blocks = np.unique(block)
    for some in np.array_split(blocks, min(_FOLDS, len(blocks))):
        judged = np.isin(block, some)
        if not judged.all():
            yield np.flatnonzero(~judged), np.flatnonzero(judged)


def class_folds(
    classes: NDArray[np.int64], block: NDArray[np.integer], seed: int = 0, count: int = 3
) -> Iterator[Fold]:
    """Yield folds over which the blocks of each class are dealt out, as evenly as they go.

    A class that lies in a single block is cut in consecutive pieces.
    """
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(classes), np.intp)
    for one in np.unique(classes):
        mine = np.flatnonzero(classes == one)
        _, piece = np.unique(block[mine], return_inverse=True)
        if piece.max() == 0:
            piece = np.arange(len(mine)) * count // len(mine)
        fold[mine] = rng.permutation(piece.max() + 1)[piece] % count
    for one in range(count):
        learn, judge = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        if len(judge) and len(np.unique(classes[learn])) > 1:
            yield learn, judge


def _widened(
    score: Callable[[float, float], float], costs: tuple[float, ...], gammas: tuple[float, ...]
) -> tuple[float, float]:
    """Return the best pair of a grid of decades, which grows while the best lies on its edge."""
    scores: dict[tuple[float, float], float] = {}
    for _ in range(4):
        for pair in product(costs, gammas):
            if pair not in scores:
                scores[pair] = score(*pair)
        cost, gamma = best = max(scores, key=lambda pair: scores[pair])
        more_costs = _beyond_edge(costs, cost)
        more_gammas = _beyond_edge(gammas, gamma)
        if (more_costs, more_gammas) == (costs, gammas):
            break
        costs, gammas = more_costs, more_gammas
    return best


def _beyond_edge(grid: tuple[float, ...], best: float) -> tuple[float, ...]:
    if best == grid[0]:
        return (grid[0] / 10, *grid)
    return (*grid, grid[-1] * 10) if best == grid[-1] else grid


def _aligned(method: Method, ground: Ground, good: Good) -> Method:
    """Return a method whose results are brought to the target by one scale and offset."""
    found = np.asarray(method.run(ground.input), np.float64)
    known = np.isfinite(found) & np.isfinite(ground.target) & good[:, None, None]
    x, y = found[known], np.asarray(ground.target, np.float64)[known]
    power = float(np.square(x - x.mean()).sum())
    scale = float((x - x.mean()) @ (y - y.mean())) / power if power > 0 else 0.0
    offset = float(y.mean() - scale * x.mean())
    return method._replace(run=lambda data: (scale * method.run(data) + offset).astype(np.float32))


def _few(ground: Ground) -> Ground:
    """Return at most `_ENOUGH` spectra, spread evenly."""
    step = -(-ground.input.shape[-1] // _ENOUGH)
    return Ground(ground.input[..., ::step], ground.target[..., ::step], ground.block[::step])


def _without_bad(data: Data, good: Good) -> Data:
    """Return a copy in which bad bands are missing, so that they weigh nothing."""
    return data if good.all() else np.where(good[:, None, None], data, np.nan)


def _ranks(components: PrincipalComponents) -> list[int]:
    return [rank for rank in _RANKS if rank <= max(len(components), 1)]


def _best(scores: dict[Any, list[float]]) -> Any:
    """Return the setting of least mean error, of those that every fold could try."""
    folds = max(len(errors) for errors in scores.values())
    means = {s: float(np.mean(e)) for s, e in scores.items() if len(e) == folds}
    return min(means, key=lambda setting: means[setting])
