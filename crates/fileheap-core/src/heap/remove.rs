//! Remove: a heap and its logs go, unless somebody has it open.

use std::path::Path;

use super::repair::seize;
use super::{Heap, identity};
use crate::os::Host;
use crate::{Error, ErrorKind, Result};

impl Heap {
    /// Removes the heap at `path` with its logs. Refuses what is no heap, and a heap that is open
    /// anywhere. Who waits at the door to open it finds that it is gone.
    pub fn remove(path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let host = seize(path, "removed")?;
        identity::judge(&**host.data()).map_err(|error| error.at(path))?;
        if !host.is_current().map_err(|error| Error::os("cannot look at the heap file", error))? {
            let text = "another file took the name of this heap";
            return Err(Error::new(ErrorKind::Replaced, text).at(path).advice("try again"));
        }
        let gone = host.remove().and_then(|()| host.sync_folder());
        gone.map_err(|error| Error::os("cannot remove the heap", error).at(path))
    }
}
