//! What a spec promises, as faults ask for it.

use indexmap::IndexMap;

use super::{Dependency, Service, Spec, Topic};
use crate::fault::{Contract, Delivery, Order, Reach};

/// The parts of a spec that the contract is made of, so that faults can be checked before there is a spec.
pub(super) struct Surroundings<'a> {
    pub topics: &'a IndexMap<String, Topic>,
    pub dependencies: &'a IndexMap<String, Dependency>,
    pub services: &'a IndexMap<String, Service>,
}

impl Contract for Surroundings<'_> {
    fn topics(&self) -> Vec<&str> {
        self.topics.keys().map(String::as_str).collect()
    }

    fn services(&self) -> Vec<&str> {
        self.services.keys().map(String::as_str).collect()
    }

    fn promise(&self, topic: &str) -> Option<(Delivery, Order)> {
        self.topics.get(topic).map(|topic| (topic.delivery, topic.order))
    }

    fn reach(&self, service: &str) -> Reach {
        let mut reach = Reach::default();
        for reference in self.services.get(service).into_iter().flat_map(Service::references) {
            let (kind, name) = reference.split_once('.').unwrap_or((reference, ""));
            let names = match kind {
                "kafka" => {
                    reach.kafka = true;
                    continue;
                }
                "postgres" => &mut reach.databases,
                "dependencies" => &mut reach.calls,
                other if other != service && self.services.contains_key(other) => {
                    add(&mut reach.calls, other);
                    continue;
                }
                _ => continue,
            };
            // `postgres.shop.jdbc` is another way to write the address of `shop`.
            add(names, name.split('.').next().unwrap_or(name));
        }
        reach
    }

    fn declines(&self, dependency: &str) -> bool {
        let routes = self.dependencies.get(dependency).into_iter().flat_map(|of| &of.routes);
        routes.into_iter().any(|route| route.decline.is_some())
    }

    fn has_own_clock(&self, service: &str) -> bool {
        self.services.get(service).is_some_and(|service| service.clock.is_some())
    }

    fn is_attached(&self, service: &str) -> bool {
        self.services.get(service).is_some_and(Service::is_attached)
    }
}

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

impl Spec {
    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { topics: &self.topics, dependencies: &self.dependencies, services: &self.services }
    }
}

impl Contract for Spec {
    fn topics(&self) -> Vec<&str> {
        self.topics.keys().map(String::as_str).collect()
    }

    fn services(&self) -> Vec<&str> {
        self.services.keys().map(String::as_str).collect()
    }

    fn promise(&self, topic: &str) -> Option<(Delivery, Order)> {
        self.surroundings().promise(topic)
    }

    fn reach(&self, service: &str) -> Reach {
        self.surroundings().reach(service)
    }

    fn declines(&self, dependency: &str) -> bool {
        self.surroundings().declines(dependency)
    }

    fn has_own_clock(&self, service: &str) -> bool {
        self.surroundings().has_own_clock(service)
    }

    fn is_attached(&self, service: &str) -> bool {
        self.surroundings().is_attached(service)
    }
}
