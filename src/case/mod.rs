//! What will be done: operations and faults, all decided before anything runs.
