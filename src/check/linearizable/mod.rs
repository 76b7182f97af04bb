//! Whether an object that many use at once behaved as if they had used it one after the other.

mod minimal;
mod model;
mod search;

#[cfg(test)]
mod tests;
