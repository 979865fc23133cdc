"""Models of the kinds that MXNet users deploy beyond image classification: detection, segmentation, language."""
