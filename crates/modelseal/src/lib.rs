//! modelseal
