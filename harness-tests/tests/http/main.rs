//! HTTP between services, before a real dependency and to a played one, through the seam.

mod between_services;
#[path = "../project/mod.rs"]
mod project;
mod proxy;
mod seam;
mod stage;
