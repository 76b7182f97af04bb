//! Batches that are about nothing of a case, kept until it is written out. Most that are sent are delivered, too, some of them
//! to several: their bytes are kept once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::batch::{Batch, Identity};

/// What is kept is kept by whoever has it.
#[derive(Debug, Default)]
pub struct KeptBatches(Mutex<HashMap<Identity, Weak<Batch>>>);

impl KeptBatches {
    /// Forgets those of the last case.
    pub fn begin(&self) {
        self.with(HashMap::clear);
    }

    /// Whether one with the same records is kept, so that nothing of the case stands in this one either. For what a
    /// broker delivers: it has looked whether the checksum is right.
    pub fn has(&self, batch: &Batch) -> bool {
        self.with(|kept| kept.get(&batch.identity()).is_some_and(|one| one.strong_count() > 0))
    }

    /// The first one with the same records, which may have another place; else this one.
    pub fn once(&self, batch: &Batch) -> Arc<Batch> {
        self.with(|kept| {
            let one = kept.entry(batch.identity()).or_default();
            one.upgrade().unwrap_or_else(|| {
                let first = Arc::new(batch.clone());
                *one = Arc::downgrade(&first);
                first
            })
        })
    }

    fn with<T>(&self, read: impl FnOnce(&mut HashMap<Identity, Weak<Batch>>) -> T) -> T {
        // Every entry is made by one call.
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
