//! The reports as those meet them who did not watch the run: CI servers, and people with a browser.

mod browser;
mod ci;
mod made;
mod page;
mod screen;
