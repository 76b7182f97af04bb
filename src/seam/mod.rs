//! How it is seen and disturbed: the places where traffic passes through the harness.
