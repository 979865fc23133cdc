"""Inputs of evaluations: data sets, their preparation for a model, and batches of them."""

from ngc.evaluate.inputs.arrays import ArrayDataset
from ngc.evaluate.inputs.datasets import Dataset, Sample
from ngc.evaluate.inputs.files import FileDataset
from ngc.evaluate.inputs.loader import Batch, Loader
from ngc.evaluate.inputs.opening import open_dataset
from ngc.evaluate.inputs.preparation import AsStored, Preparation
from ngc.evaluate.inputs.preprocessing import CENTER_CROP, Preprocessing
from ngc.evaluate.inputs.synthetic import Synthetic

__all__ = [
    "CENTER_CROP", "ArrayDataset", "AsStored", "Batch", "Dataset", "FileDataset", "Loader", "Preparation", "Preprocessing", "Sample", "Synthetic",
    "open_dataset",
]
