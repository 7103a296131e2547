//! The picture of a heap: what lies where, whose it is, what is free.

mod grid;
mod html;
mod svg;
mod survey;
mod terminal;

pub use grid::{Grid, Shade};
pub use html::page;
pub use svg::draw;
pub use survey::Survey;
pub use terminal::draw as draw_text;
