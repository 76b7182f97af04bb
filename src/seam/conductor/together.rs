//! Facts that pass in one frame: they are written to the file of the history together, before the frame goes on.

use super::{Conductor, lock};

/// While this exists, what is recorded waits to be written to the file.
#[derive(Debug)]
#[must_use]
pub struct Together<'a>(&'a Conductor);

impl Conductor {
    /// A frame with several facts passes. Never kept across an await: the frame must not go on before its facts are written.
    pub fn together(&self) -> Together<'_> {
        if let Some(playing) = &mut lock(&self.live).case {
            playing.recorder.together();
        }
        Together(self)
    }
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        if let Some(playing) = &mut lock(&self.0.live).case {
            playing.recorder.apart();
        }
    }
}
