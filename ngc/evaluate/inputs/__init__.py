"""Inputs of evaluations: data sets, their preparation for a model, and batches of them."""

from ngc.evaluate.inputs.addresses import read_address
from ngc.evaluate.inputs.datasets import Dataset, Sample
from ngc.evaluate.inputs.list_files import urls_file
from ngc.evaluate.inputs.loader import Batch, Loader
from ngc.evaluate.inputs.locate import Location, resolve_dataset
from ngc.evaluate.inputs.opening import open_dataset
from ngc.evaluate.inputs.preparation import AsStored, Preparation
from ngc.evaluate.inputs.preprocessing import CENTER_CROP, Preprocessing
from ngc.evaluate.inputs.synthetic import synthetic

__all__ = ["CENTER_CROP", "AsStored", "Batch", "Dataset", "Loader", "Location", "Preparation", "Preprocessing", "Sample", "open_dataset", "read_address",
           "resolve_dataset", "synthetic", "urls_file"]
