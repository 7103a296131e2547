//! What cannot live in a file, and why, said where it stands in the source.

use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Data, DeriveInput, Error, Field, GenericParam, Lifetime, Result, Type, TypeParamBound};

use crate::attributes;

/// Refuses the input as a whole.
pub fn whole(input: &DeriveInput) -> Result<()> {
    match &input.data {
        Data::Union(_) => {
            let text = "a union cannot live in a heap file: which of its fields holds is not known";
            return Err(Error::new(input.ident.span(), text));
        }
        Data::Enum(data) => {
            let carries = data.variants.iter().find(|variant| !variant.fields.is_empty());
            if let Some(variant) = carries.filter(|_| attributes::fixed_layout(input).is_none()) {
                let text = "the layout of an enum whose variants carry data is not fixed: add \
                            `#[repr(u8)]` (or another integer, or `C`)";
                return Err(Error::new(variant.span(), text));
            }
        }
        Data::Struct(_) => {}
    }
    let mut lifetimes = input.generics.lifetimes();
    if let (Some(_), Some(second)) = (lifetimes.next(), lifetimes.next()) {
        let text = "a type that lives in a heap file has one lifetime at most: that of the access \
                    to the heap";
        return Err(Error::new(second.span(), text));
    }
    if let Some(bounded) = input.generics.lifetimes().find(|param| !param.bounds.is_empty()) {
        let text = "the lifetime of the access to the heap can have no bounds";
        return Err(Error::new(bounded.span(), text));
    }
    bounds(input)
}

/// Bounds would have to hold at every lifetime, which cannot be said of a parameter's own.
pub fn bounds(input: &DeriveInput) -> Result<()> {
    let is_persist = |bound: &&TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_none_or(|last| last.ident != "Persist")
        }
        _ => true,
    };
    let own = input.generics.type_params().flat_map(|param| &param.bounds);
    let clause = input.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let foreign = own.filter(is_persist).map(Spanned::span).next();
    if let Some(span) = foreign.or_else(|| clause.map(Spanned::span).next()) {
        let text = "a type that lives in a heap file has no bounds on its parameters (but \
                    `Persist`): put them on its functions";
        return Err(Error::new(span, text));
    }
    Ok(())
}

/// Refuses a field whose type shows by its mere form that it cannot be.
pub fn field(input: &DeriveInput, field: &Field) -> Result<()> {
    let what = match &field.ty {
        Type::Reference(_) => {
            "a reference is an address in this process: own the value, or point \
                               at it with `fileheap::Rel`"
        }
        Type::Ptr(_) => "a raw pointer is an address in this process: point with `fileheap::Rel`",
        Type::BareFn(_) => {
            "a function's address is another one in the next process: store an \
                            enum that says which function is meant"
        }
        Type::TraitObject(_) | Type::ImplTrait(_) => {
            "a trait object holds the address of code: use an enum"
        }
        Type::Slice(_) => "a slice has no size: use `fileheap::Vec` or an array",
        _ => return foreign_lifetime(input, field),
    };
    Err(Error::new(field.ty.span(), what))
}

/// A field that owns file memory must have the lifetime of its struct.
fn foreign_lifetime(input: &DeriveInput, field: &Field) -> Result<()> {
    struct Finder(Option<Lifetime>, Option<Lifetime>);
    impl VisitMut for Finder {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if self.0.as_ref() != Some(lifetime) {
                self.1.get_or_insert(lifetime.clone());
            }
        }
    }
    let own = input.generics.params.iter().find_map(|param| match param {
        GenericParam::Lifetime(param) => Some(param.lifetime.clone()),
        _ => None,
    });
    let mut finder = Finder(own.clone(), None);
    visit_mut::visit_type_mut(&mut finder, &mut field.ty.clone());
    let Some(found) = finder.1 else { return Ok(()) };
    let text = match own {
        Some(own) => format!("what owns memory of the heap has the lifetime of its owner: `{own}`"),
        None => "what owns memory of the heap has the lifetime of its owner: give the type one, \
                 `<'h>`, and use it here"
            .to_owned(),
    };
    Err(Error::new(found.span(), text))
}
