//! Migration: an old root moves through the program's steps and comes out as the new one.

use std::sync::Arc;

use fileheap_core::catalog::CatalogView;
use fileheap_core::{Result, Wait};

use crate::here::Alloc;
use crate::session::Session;
use crate::shape::Shape;
use crate::space::Space;
use crate::{Persist, roots};

/// One step: from one shape to another.
pub(crate) struct Step {
    from: u64,
    to: u64,
    act: Box<dyn for<'x> Fn(Alloc<'x>) -> Result<()>>,
}

impl Step {
    pub(crate) fn new<Old: Persist, New: Persist>(
        step: impl for<'x> Fn(Old::At<'x>, Alloc<'x>) -> New::At<'x> + 'static,
    ) -> Self {
        let act = move |alloc: Alloc<'_>| replace::<Old, New>(alloc, &step);
        let (from, to) = (Shape::of::<Old>().fingerprint, Shape::of::<New>().fingerprint);
        Self { from, to, act: Box::new(act) }
    }
}

/// Moves the old root out, and what `step` makes of it in.
fn replace<'x, Old: Persist, New: Persist>(
    alloc: Alloc<'x>,
    step: &impl Fn(Old::At<'x>, Alloc<'x>) -> New::At<'x>,
) -> Result<()> {
    let Some(old) = roots::take::<Old>(alloc, roots::MAIN)? else { return Ok(()) };
    let new = step(old, alloc);
    roots::bind::<New>(alloc.current(), roots::MAIN, new)
}

/// The steps that lead from one shape to another, in order; empty if there is no way.
fn chain(steps: &[Step], from: u64, to: u64) -> Vec<&Step> {
    let mut way: Vec<&Step> = Vec::new();
    let mut at = from;
    while at != to && way.len() < steps.len() {
        let Some(step) = steps.iter().find(|step| step.from == at) else { return Vec::new() };
        way.push(step);
        at = step.to;
    }
    if at == to { way } else { Vec::new() }
}

/// Makes the root an `R`, in one transaction, if the steps lead there from what it is.
pub(crate) fn run<R: Persist>(space: &Arc<Space>, steps: &[Step]) -> Result<()> {
    let wanted = Shape::of::<R>().fingerprint;
    let placed = |error: fileheap_core::Error| error.at(space.core.path());
    let found = |catalog: CatalogView<'_>| -> Result<u64> {
        let entry = roots::entry(catalog, roots::MAIN).map_err(placed)?;
        Ok(entry.map_or(wanted, |entry| entry.fingerprint))
    };
    // Nothing to be done: nobody is waited for.
    if steps.is_empty() || found(space.core.begin_read()?.catalog())? == wanted {
        return Ok(());
    }
    let mut session = Session::begin(space, Wait::Forever)?;
    let from = found(CatalogView::new(session.txn().memory()))?;
    let way = chain(steps, from, wanted);
    if way.is_empty() {
        return session.abort();
    }
    let done = session.run(|alloc| way.iter().try_for_each(|step| (step.act)(alloc)));
    done?.map_err(placed)?;
    session.commit()?;
    Ok(())
}
