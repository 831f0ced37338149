"""Predictions of the modules are those of scikit-learn and PyWavelets, without their state."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from napari_hyperspectral.classics import (
    LDA,
    PLS,
    PLSDA,
    SVM,
    BoostedTrees,
    ExtraTrees,
    RandomForest,
    TrainingData,
    TrainingImage,
    WaveletDenoising,
)
from napari_hyperspectral.classics.surroundings import PixelFeatures
from napari_hyperspectral.networks import Ports
from napari_hyperspectral.spectra.decompose import PrincipalComponents

BANDS = 12
SIDES = (14, 17)
SIGMAS = {"classifiers": (1.0, 2.0, 4.0, 8.0), "trees": (0.0, 1.0, 2.0, 4.0, 8.0)}
each_number_of_classes = pytest.mark.parametrize("count", [2, 3, 5])
each_view = pytest.mark.parametrize("surroundings", [False, True], ids=["spectra", "surroundings"])


def data_of(targets, image, ports):
    """Return training data of all pixels of an image, (band, y, x); targets are (out, y, x)."""
    rows = np.moveaxis(targets, 0, -1).reshape(-1, len(targets))

    def error(prediction, pixels):
        return float(np.nanmean(np.square(prediction - rows[pixels])))

    train = np.ones(image.shape[1:], bool)
    return TrainingData(
        [TrainingImage(image, train)], rows, error, ports, np.ones(len(image), bool)
    )


@pytest.fixture
def image(rng):
    """Spectra of which neighbours are alike, and bands are not of equal variance."""
    y, x = np.mgrid[: SIDES[0], : SIDES[1]] / 3
    maps = np.stack([np.sin(y), np.cos(x), np.sin(x + y)])
    spectra = np.tensordot(rng.normal(size=(BANDS, 3)), maps, 1)
    noisy = spectra + rng.normal(0, 0.5, (BANDS, *SIDES))
    return (noisy * rng.uniform(0.3, 2, (BANDS, 1, 1))).astype(np.float32)


def classes(image, count):
    """Return training data of so many classes of seven: the first of them, and perhaps the last, are absent."""
    quantiles = np.quantile(image[2], np.linspace(0, 1, count + 1)[1:-1])
    numbers = 2 + np.digitize(image[2], quantiles)  # from 1
    ports = Ports(bands_in=BANDS, bands_out=7)
    return data_of(numbers[None].astype(np.float32), image, ports), numbers.ravel() - 1


def fitted(method, data):
    arrays = method.fit(data)
    module = method.build(data.ports)
    module.set_arrays(arrays)
    return module.eval(), arrays


def scores_of(module, image):
    with torch.no_grad():
        scores = module(torch.from_numpy(image)[None])[0]
    return scores.movedim(0, -1).reshape(-1, len(scores)).numpy()


def features_of(image, surroundings):
    """Return the features of pixels, (pixel, feature), by SciPy."""
    from scipy.ndimage import gaussian_filter

    rows = image.reshape(BANDS, -1).T
    if surroundings:
        scores = PrincipalComponents.of(image).scores(image).T.reshape(-1, *SIDES)
        maps = [
            gaussian_filter(component, sigma, mode="nearest")
            for sigma in SIGMAS["classifiers"]
            for component in scores
        ]
        rows = np.stack(maps).reshape(len(maps), -1).T
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


@each_view
def test_features_are_those_of_scipy(image, surroundings):
    data, _ = classes(image, 2)
    sigmas = SIGMAS["classifiers"] if surroundings else ()
    features = PixelFeatures(sigmas)
    arrays, rows = features.fit(data, 20)
    features.set_arrays(arrays)
    np.testing.assert_allclose(rows, features_of(image, surroundings), atol=2e-5)
    with torch.no_grad():
        predicted = features.rows(torch.from_numpy(image)[None]).numpy()
    assert np.array_equal(rows, predicted)


@each_view
@each_number_of_classes
def test_the_support_vector_machine_is_that_of_scikit_learn(image, count, surroundings):
    from sklearn.svm import SVC

    data, numbers = classes(image, count)
    module, _ = fitted(SVM(cost=1000, gamma=2, surroundings=surroundings), data)
    _, rows = module.features.fit(data, 20)
    machine = SVC(C=1000, gamma=float(np.float32(2 / rows.shape[1])), break_ties=count > 2)
    machine.fit(rows, numbers)
    decisions = module.decisions(torch.from_numpy(rows)).numpy()
    expected = machine.decision_function(rows)
    if count == 2:
        votes = decisions[:, 1] > decisions[:, 0]
        assert np.array_equal(votes, expected > 0)
    else:
        np.testing.assert_allclose(decisions, expected, rtol=1e-6, atol=1e-6)
    labels = scores_of(module, image).argmax(axis=1)
    assert np.array_equal(labels, machine.predict(rows))


def test_the_margins_of_two_classes_are_those_of_scikit_learn(image):
    from sklearn.svm import SVC

    data, numbers = classes(image, 2)
    module, _ = fitted(SVM(cost=1000, gamma=2), data)
    _, rows = module.features.fit(data, 20)
    machine = SVC(C=1000, gamma=float(np.float32(2 / BANDS))).fit(rows, numbers)
    margin = machine.decision_function(rows)
    fraction = module.decisions(torch.from_numpy(rows)).numpy()[:, 1] - (margin > 0)
    np.testing.assert_allclose(fraction, margin / (3 * (np.abs(margin) + 1)), atol=1e-6)


def test_probabilities_of_a_support_vector_machine_are_as_sure_as_it_is_right(image, rng):
    """Of two classes that overlap: where it says 0.8, about 80 % of new pixels are right."""

    def overlapping():
        numbers = rng.integers(0, 2, SIDES)
        spectra = rng.normal(size=(BANDS, *SIDES)) + 0.35 * numbers
        return spectra.astype(np.float32), numbers

    train, numbers = overlapping()
    data = data_of(numbers[None] + 1.0, train, Ports(bands_in=BANDS, bands_out=2))
    module, _ = fitted(SVM(cost=1, gamma=0.3), data)
    sure, right = [], []
    for _ in range(10):
        new, truth = overlapping()
        probabilities = softmax(scores_of(module, new), axis=1)
        sure.append(probabilities.max(axis=1).mean())
        right.append((probabilities.argmax(axis=1) == truth.ravel()).mean())
    assert abs(np.mean(sure) - np.mean(right)) < 0.05


@each_view
@each_number_of_classes
def test_discriminant_analysis_is_that_of_scikit_learn(image, count, surroundings):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    data, numbers = classes(image, count)
    module, _ = fitted(LDA(shrinkage=0.01, surroundings=surroundings), data)
    _, rows = module.features.fit(data, 20)
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.01).fit(rows, numbers)
    probabilities = softmax(scores_of(module, image), axis=1)
    present = analysis.classes_
    np.testing.assert_allclose(
        probabilities[:, present], analysis.predict_proba(rows), rtol=1e-5, atol=1e-6
    )
    assert probabilities.sum() == pytest.approx(probabilities[:, present].sum())


@each_number_of_classes
def test_discriminant_analysis_by_partial_least_squares_is_that_of_scikit_learn(image, count):
    from sklearn.cross_decomposition import PLSRegression

    data, numbers = classes(image, count)
    module, _ = fitted(PLSDA(components=4), data)
    _, rows = module.features.fit(data, 20)
    present = np.unique(numbers)
    target = (numbers[:, None] == present).astype(float)
    regression = PLSRegression(4, scale=False).fit(rows.astype(float), target)
    decisions = module.decisions(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(decisions, regression.predict(rows.astype(float)), atol=1e-6)


@each_view
@each_number_of_classes
@pytest.mark.parametrize("kind", [RandomForest, ExtraTrees])
def test_voting_trees_are_those_of_scikit_learn(image, count, surroundings, kind):
    method = kind(trees=20, leaf=2, surroundings=surroundings)
    data, numbers = classes(image, count)
    module, _ = fitted(method, data)
    _, rows = module.features.fit(data, 20)
    trees = method.ensemble(20, leaf=2, seed=0).fit(rows, numbers)
    probabilities = softmax(scores_of(module, image), axis=1)
    expected = trees.predict_proba(rows)
    np.testing.assert_allclose(probabilities[:, trees.classes_], expected, atol=1e-6)


def channels(image, rng):
    """Return two channels, of which one is not known everywhere."""
    targets = np.stack([image[1] ** 2, np.tanh(image[3])])
    targets += rng.normal(0, 0.1, targets.shape)
    targets[1, :3] = np.nan
    return data_of(targets, image, Ports(bands_in=BANDS, bands_out=2, changes_bands=True))


def test_boosted_trees_are_those_of_scikit_learn(image, rng):
    from sklearn.ensemble import HistGradientBoostingRegressor

    data = channels(image, rng)
    module, _ = fitted(BoostedTrees(trees=30), data)
    _, rows = module.features.fit(data, 5)
    found = scores_of(module, image)
    for channel, target in enumerate(data.targets.T):
        known = np.isfinite(target)
        trees = HistGradientBoostingRegressor(max_iter=30, early_stopping=False, random_state=0)
        trees.fit(rows[known], target[known])
        np.testing.assert_allclose(found[:, channel], trees.predict(rows), rtol=1e-6, atol=1e-6)


def test_a_channel_that_nobody_measured_is_its_mean(image, rng):
    data = channels(image, rng)
    data.targets[:, 0] = np.nan
    module, _ = fitted(BoostedTrees(trees=3), data)
    found = scores_of(module, image)
    assert not found[:, 0].any()
    assert found[:, 1].any()


def test_partial_least_squares_are_those_of_scikit_learn(image, rng):
    from sklearn.cross_decomposition import PLSRegression

    data = channels(image, rng)
    module, _ = fitted(PLS(components=3), data)
    known = np.isfinite(data.targets).all(axis=1)
    spectra = data.spectra.astype(float)
    regression = PLSRegression(3, scale=False).fit(spectra[known], data.targets[known])
    np.testing.assert_allclose(
        scores_of(module, image), regression.predict(spectra), rtol=1e-6, atol=1e-6
    )


def test_as_many_components_as_the_truth_has_are_found(rng):
    """Four constituents, whose amounts are the targets: fewer explain less, more fit the noise."""
    amounts = rng.uniform(size=(4, *SIDES))
    spectra = np.tensordot(rng.normal(size=(BANDS, 4)), amounts, 1)
    image = (spectra + rng.normal(0, 0.01, (BANDS, *SIDES))).astype(np.float32)
    data = data_of(amounts, image, Ports(bands_in=BANDS, bands_out=4, changes_bands=True))
    _, arrays = fitted(PLS(), data)
    assert PLS().describe(arrays) == "4 components"


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("bands", [12, 37, 100])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4", "sym8", "coif3"])
def test_wavelets_are_those_of_pywavelets(wavelet, bands, rng):
    import pywt

    noisy = rng.normal(size=(bands, 3, 4)).astype(np.float32).cumsum(axis=0)
    data = data_of(noisy * 0.7, noisy, Ports(bands_in=bands, bands_out=bands))
    module, arrays = fitted(WaveletDenoising(wavelet=wavelet, levels=2), data)
    levels, factor = arrays["setting"]
    gain, offset = arrays["gain"]
    found = scores_of(module, noisy)
    for spectrum, denoised in zip(data.spectra, found, strict=True):
        coarse, *details = pywt.wavedec(spectrum, wavelet, level=int(levels))
        noise = np.sort(np.abs(details[-1]))[(len(details[-1]) - 1) // 2] / 0.6745
        soft = [
            pywt.threshold(detail, factor * noise * np.sqrt(2 * np.log(len(detail))) + 1e-30)
            for detail in details
        ]
        expected = pywt.waverec([coarse, *soft], wavelet)[:bands] * gain + offset
        np.testing.assert_allclose(denoised, expected, atol=1e-5 * np.abs(noisy).max())


def test_wavelets_remove_noise_and_keep_peaks(rng):
    """Peaks of a few bands on a flat line: a smoothing filter that removes as much would flatten
    them."""
    bands = 128
    centres = rng.uniform(20, 108, (1, 8, 9))
    clean = np.exp(-(((np.arange(bands)[:, None, None] - centres) / 1.5) ** 2)).astype(np.float32)
    noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    data = data_of(clean, noisy, Ports(bands_in=bands, bands_out=bands))
    module, _ = fitted(WaveletDenoising(), data)
    found = scores_of(module, noisy)
    truth = clean.reshape(bands, -1).T
    assert np.square(found - truth).mean() < 0.5 * np.square(data.spectra - truth).mean()


def test_bad_bands_do_not_enter_a_wavelet(rng):
    noisy = rng.normal(size=(40, 5, 6)).astype(np.float32)
    data = data_of(noisy, noisy, Ports(bands_in=40, bands_out=40))
    good = np.ones(40, bool)
    good[[0, 17, 18]] = False
    data.good[:] = good
    module, _ = fitted(WaveletDenoising(), data)
    spoiled = noisy.copy()
    spoiled[~good] = 1e6
    np.testing.assert_allclose(scores_of(module, spoiled), scores_of(module, noisy), atol=1e-6)
