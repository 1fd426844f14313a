"""DICOM and pictures: reading, guarding, rendering, grouping and de-identifying."""
