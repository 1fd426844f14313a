"""The application: web pages, interface and worker over model, dicom and storage."""
