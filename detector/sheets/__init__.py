"""Sheets of data and model, made from facts on disk: Croissant and Markdown for the data, a CycloneDX ML-BOM for the model."""
