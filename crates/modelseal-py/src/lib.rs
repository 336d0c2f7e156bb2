//! modelseal-py
