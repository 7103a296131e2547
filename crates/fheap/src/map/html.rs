//! The map as one HTML file that needs no other: the picture, and tables of what it shows.

use std::fmt::Write as _;

use super::Survey;
use super::svg::{draw, escaped};
use crate::text::{bytes, count, percent};

const STYLE: &str = "body{font:14px/1.5 system-ui,'DejaVu Sans',sans-serif;color:#1e293b;\
    max-width:1080px;margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}\
    table{border-collapse:collapse;margin:1rem 0 2rem}th{text-align:left;color:#64748b;\
    font-weight:600}th,td{padding:.15rem 1.2rem .15rem 0;border-bottom:1px solid #e2e8f0}\
    td.n{text-align:right;font-variant-numeric:tabular-nums}svg rect:hover{opacity:.8}";

/// The page.
pub fn page(survey: &Survey) -> String {
    let title = escaped(&survey.path.display().to_string());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n{}",
        draw(survey)
    );
    let largest = survey.largest(50);
    if !largest.is_empty() {
        out.push_str(
            "<h2>What has a name, the largest first</h2>\n<table><tr><th>name</th>\
                      <th>bytes</th><th>part</th><th>pieces</th></tr>\n",
        );
        for (name, pieces, size) in largest {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{pieces}</td></tr>",
                escaped(name),
                bytes(size),
                percent(size, survey.heap_bytes()),
            );
        }
        out.push_str("</table>\n");
    }
    out.push_str(
        "<h2>Live allocations by size</h2>\n<table><tr><th>up to</th><th>live</th>\
                  <th>bytes</th></tr>\n",
    );
    for class in &survey.stat.classes {
        let _ = writeln!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            bytes(class.up_to_bytes),
            count(class.count),
            bytes(class.bytes)
        );
    }
    let (file, disk) = (bytes(survey.file_bytes), bytes(survey.disk_bytes));
    let _ = writeln!(out, "</table>\n<p>The file has {file}, {disk} of them on disk.</p>");
    out.push_str("</body></html>\n");
    out
}
