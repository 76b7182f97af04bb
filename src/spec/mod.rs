//! What the user says: the spec file, read, checked and resolved.
