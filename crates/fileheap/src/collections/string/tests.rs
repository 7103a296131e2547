//! The string against the standard library's, and every way an allocator can fail.

use std::fmt::Write;
use std::string::String as Plain;

use super::String;
use crate::collections::testing::{Budget, Rng, at_every_allocation, effort};

const TEXTS: [&str; 6] = ["", "a", "heap", "Höhe", "日本", "🦀 and more"];

#[test]
fn does_what_the_standard_library_does() {
    let mut rng = Rng::new("string");
    let mut text = String::new_in(Budget::endless());
    let mut plain = Plain::new();
    for step in 0..effort(5000, 60) {
        let boundary = |rng: &mut Rng, plain: &str| {
            let places: Vec<usize> =
                (0..=plain.len()).filter(|&i| plain.is_char_boundary(i)).collect();
            places[rng.below(places.len())]
        };
        let (a, b) = (boundary(&mut rng, &plain), boundary(&mut rng, &plain));
        let (range, more) = (a.min(b)..a.max(b), TEXTS[rng.below(6)]);
        match rng.below(14) {
            0 => (text.push_str(more), plain.push_str(more)).0,
            1 => (text.push('ß'), plain.push('ß')).0,
            2 => assert_eq!(text.pop(), plain.pop()),
            3 => (text.insert_str(a, more), plain.insert_str(a, more)).0,
            4 => (text.insert(a, '中'), plain.insert(a, '中')).0,
            5 if a < plain.len() => assert_eq!(text.remove(a), plain.remove(a)),
            6 if plain.len() > 200 => (text.truncate(a), plain.truncate(a)).0,
            7 => assert!(text.drain(range.clone()).rev().eq(plain.drain(range).rev())),
            8 => (text.replace_range(range.clone(), more), plain.replace_range(range, more)).0,
            9 => {
                assert_eq!(text.split_off(a), plain.split_off(a));
                write!(text, "{step:?} {more}").unwrap();
                write!(plain, "{step:?} {more}").unwrap();
            }
            10 => (text.extend(more.chars()), plain.push_str(more)).0,
            11 => (text.retain(|char| char != 'a'), plain.retain(|char| char != 'a')).0,
            12 => {
                text = text.clone() + more;
                plain += more;
            }
            _ => text.shrink_to_fit(),
        }
        assert_eq!(text, plain);
        assert_eq!(
            (text.cmp(&text.clone()), format!("{text:?}")),
            (plain.cmp(&plain), format!("{plain:?}"))
        );
        assert!(std::str::from_utf8(text.as_bytes()).is_ok());
    }
}

#[test]
fn no_character_is_cut() {
    let cuts: [fn(&mut String); 6] = [
        |text| text.truncate(1),
        |text| drop(text.split_off(1)),
        |text| text.insert(1, 'x'),
        |text| drop(text.drain(..1)),
        |text| text.replace_range(1.., "x"),
        |text| assert_eq!(text.remove(1), 'x'),
    ];
    for cut in cuts {
        let mut text = String::from("ö");
        let work = std::panic::AssertUnwindSafe(|| cut(&mut text));
        assert!(std::panic::catch_unwind(work).is_err());
        assert_eq!(text, "ö");
    }
    let error = String::from_utf8(allocator_api2::vec![b'a', 0xff]).unwrap_err();
    assert_eq!((error.utf8_error().valid_up_to(), error.into_bytes().len()), (1, 2));
}

#[test]
fn a_string_without_memory_stays_whole() {
    at_every_allocation(
        |budget, _| String::from_str_in("Höhe", budget.clone()),
        |text, _| {
            text.insert_str(3, &"ö".repeat(40));
            text.replace_range(1..3, &"日".repeat(80));
            drop(text.clone());
            text.push_str(&"x".repeat(2000));
            text.split_off(1);
        },
        |text, _| {
            assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            assert!(text.starts_with('H'));
        },
    );
}

#[test]
fn the_layout_says_where_each_word_is() {
    let text = String::<Budget>::layout();
    assert!(!text.contains("nowhere") && text.contains("ptr at"), "{text}");
}
