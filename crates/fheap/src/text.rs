//! How elements and figures are written for people and for CSV.

use crate::vectors::Cell;

/// An element as plain text; a missing one is NA.
pub fn plain(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Missing => "NA".to_owned(),
        Cell::Logical(is) => if *is { "TRUE" } else { "FALSE" }.to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Double(number) => double(*number),
        Cell::Complex(re, im) => {
            let sign = if im.is_sign_negative() { "" } else { "+" };
            format!("{}{sign}{}i", double(*re), double(*im))
        }
        Cell::Text(text) => text.clone().into_owned(),
        Cell::Raw(byte) => format!("{byte:02x}"),
    }
}

/// The shortest text that reads back as the same number.
pub fn double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Inf" } else { "-Inf" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-5..1e16).contains(&size) {
        return format!("{number:e}");
    }
    number.to_string()
}

/// Text from a heap as a terminal may have it: what would steer the terminal is escaped.
pub fn clean(text: &str) -> String {
    // Controls, ends of lines that no byte shows, and what turns the direction of writing.
    let steers = |c: char| {
        let turns = ['\u{61c}', '\u{200e}', '\u{200f}'].contains(&c);
        let ranges = ['\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
        c.is_control() || turns || ranges.iter().any(|range| range.contains(&c))
    };
    if !text.contains(steers) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Bytes with a unit.
pub fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A count with its thousands apart.
pub fn count(count: u64) -> String {
    indicatif::HumanCount(count).to_string()
}

/// A part of a whole in percent.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.1} %", 100.0 * part as f64 / whole as f64)
}

/// Seconds since 1970 as a date and time in UTC.
pub fn date(unix_s: i64) -> String {
    let (day, time) = moment(unix_s);
    format!("{day} {time} UTC")
}

/// The same as day and time of day (Howard Hinnant's civil_from_days).
pub fn moment(unix_s: i64) -> (String, String) {
    let (days, second) = (unix_s.div_euclid(86400) + 719_468, unix_s.rem_euclid(86400));
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    (format!("{year:04}-{month:02}-{day:02}"), time)
}

/// Sixteen bytes as a UUID is written.
pub fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(date(951_827_696), "2000-02-29 12:34:56 UTC");
        assert_eq!(date(4_102_444_799), "2099-12-31 23:59:59 UTC");
    }

    #[test]
    fn what_steers_a_terminal_is_shown() {
        assert_eq!(clean("größe 漢字 🦀"), "größe 漢字 🦀");
        assert_eq!(clean("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(clean("x\u{202e}\u{2066}\u{200f}"), "x\\u{202e}\\u{2066}\\u{200f}");
    }

    #[test]
    fn doubles_read_back() {
        for number in [0.1, 1e300, -2.5e-9, 5e-324, f64::MAX, 3.0, -0.0] {
            assert_eq!(double(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
        assert_eq!(double(f64::NEG_INFINITY), "-Inf");
    }
}
