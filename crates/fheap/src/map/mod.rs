//! The picture of a heap: what lies where, whose it is, what is free.

mod grid;
mod html;
mod survey;
mod svg;
mod terminal;

pub use grid::{Grid, Shade};
pub use html::page;
pub use survey::Survey;
pub use svg::draw;
pub use terminal::draw as draw_text;
