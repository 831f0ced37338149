"""Figures of merit: one definition of each, with its source.

Intensities are (…, band, y, x) and may hold NaN; values missing in either image, and bands that
are not `good`, count for nothing. A figure that nothing is left for is NaN. Classes are 1, 2, …;
0 is unlabelled.
"""

from .classes import agreement as agreement
from .classes import average_accuracy as average_accuracy
from .classes import class_accuracy as class_accuracy
from .classes import confusion as confusion
from .classes import f1 as f1
from .classes import iou as iou
from .classes import kappa as kappa
from .classes import overall_accuracy as overall_accuracy
from .intensities import ergas as ergas
from .intensities import fitted_mse as fitted_mse
from .intensities import mse as mse
from .intensities import pearson as pearson
from .intensities import psnr as psnr
from .intensities import rmse as rmse
from .intensities import spectral_angle as spectral_angle
from .similarity import fsim as fsim
from .similarity import ssim as ssim
