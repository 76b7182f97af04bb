//! What was seen: the ordered record of one run of one case.
