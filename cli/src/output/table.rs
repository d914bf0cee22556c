//! Core: tables for people and arrays for programs.

use serde_json::Value;

/// Lines of columns, each as wide as its widest cell, indented by two.
pub(crate) fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |line: &[String; N]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("  {cell:width$}"));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    lines.iter().map(line).collect()
}

/// A JSON array with an element a line.
pub(crate) fn json_array(elements: impl Iterator<Item = Value>) -> String {
    let lines: Vec<_> = elements.map(|element| element.to_string()).collect();
    format!("[{}]\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [["A", "LONG"], ["café", "1"], ["b", ""]].map(|line| line.map(String::from));
        assert_eq!(columns(&lines), "  A     LONG\n  café  1\n  b\n");
    }

    #[test]
    fn an_array_is_one_whether_it_is_empty_or_not() {
        assert_eq!(json_array([].into_iter()), "[]\n");
        assert_eq!(json_array([1.into(), Value::Null].into_iter()), "[1,\nnull]\n");
    }
}
