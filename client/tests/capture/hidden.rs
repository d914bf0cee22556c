//! What must not be in a text.

/// Holds that a text has a secret in no form: as it is, or its bytes in decimal or hexadecimal.
pub(crate) fn assert_hides(text: &str, secret: &[u8], what: &str) {
    let decimal: Vec<String> = secret.iter().map(ToString::to_string).collect();
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let plain = String::from_utf8_lossy(secret).into_owned();
    let lower = text.to_ascii_lowercase();
    for form in [plain.clone(), plain.escape_debug().to_string(), decimal.join(", ")] {
        assert!(!text.contains(&form), "{what}: {form:?} is in\n{text}");
    }
    assert!(!lower.contains(&hexadecimal), "{what}: {hexadecimal} is in\n{text}");
}
