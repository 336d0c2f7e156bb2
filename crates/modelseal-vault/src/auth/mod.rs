//! Ways to log in.
