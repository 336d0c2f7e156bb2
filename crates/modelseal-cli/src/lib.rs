//! modelseal-cli
