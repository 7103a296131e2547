//! R's objects in its serialized form, as far as they are data.

mod read;
mod write;

use std::borrow::Cow;

use crate::vectors::{Cell, Elements};

pub use read::read;
pub use write::Writer;

/// An object of R's: what it is, and its attributes in their order.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    pub body: Body<'a>,
    pub attributes: Vec<(String, Object<'a>)>,
}

#[derive(Debug, Clone)]
pub enum Body<'a> {
    Null,
    Vector(Elements<'a>),
    List(Vec<Object<'a>>),
    /// A vector of the heap, by the number of its record.
    Reference(u64),
    /// Nothing that can be shown element by element: a function, a formula.
    Other(&'static str),
}

impl<'a> Object<'a> {
    /// An attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Object<'a>> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether its class attribute says so.
    pub fn is(&self, class: &str) -> bool {
        self.attribute("class")
            .is_some_and(|classes| texts_of(classes).iter().any(|it| it == class))
    }
}

impl<'a> From<Body<'a>> for Object<'a> {
    fn from(body: Body<'a>) -> Self {
        Self { body, attributes: Vec::new() }
    }
}

/// A text as an object of its own.
pub fn text_object(text: &str) -> Object<'static> {
    Body::Vector(Elements::Texts(vec![Some(Cow::Owned(text.to_owned()))])).into()
}

/// The texts of a character vector.
pub fn texts_of(object: &Object<'_>) -> Vec<String> {
    let Body::Vector(elements) = &object.body else { return Vec::new() };
    let text = |index| match elements.cell(index) {
        Ok(cell) => crate::text::plain(&cell),
        Err(_) => String::new(),
    };
    (0..elements.len()).map(text).collect()
}

/// The first of its texts.
pub fn first_text(object: &Object<'_>) -> Option<String> {
    texts_of(object).into_iter().next()
}

/// The first of its numbers.
pub fn first_number(object: &Object<'_>) -> Option<f64> {
    numbers_of(object).first().copied()
}

/// The numbers of an integer or double vector; missing ones are NaN.
pub fn numbers_of(object: &Object<'_>) -> Vec<f64> {
    let Body::Vector(elements) = &object.body else { return Vec::new() };
    let number = |index| match elements.cell(index) {
        Ok(Cell::Integer(number)) => f64::from(number),
        Ok(Cell::Double(number)) => number,
        Ok(Cell::Logical(is)) => f64::from(u8::from(is)),
        _ => f64::NAN,
    };
    (0..elements.len()).map(number).collect()
}
