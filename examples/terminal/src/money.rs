//! Amounts of money, as people write them: the engine knows a currency's smallest unit only.

/// Currencies without a smaller unit (ISO 4217).
const WHOLE: [&str; 16] =
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies with a thousandth as their smallest unit.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Reads an amount like `12.50`; `None` when it is none, or finer than the currency.
pub fn parse(text: &str, currency: &str) -> Option<u64> {
    let decimals = decimals(currency);
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > decimals || !is_number(whole) || !is_number(part) {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

/// Writes an amount of the smallest unit.
pub fn show(amount: u64, currency: &str) -> String {
    let decimals = decimals(currency);
    let digits = format!("{amount:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let point = if part.is_empty() { "" } else { "." };
    format!("{whole}{point}{part} {currency}")
}

fn decimals(currency: &str) -> usize {
    if WHOLE.contains(&currency) {
        0
    } else if THOUSANDTHS.contains(&currency) {
        3
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_it_is_written() {
        for (text, currency, amount, shown) in [
            ("12.50", "EUR", 1_250, "12.50 EUR"),
            ("12,5", "EUR", 1_250, "12.50 EUR"),
            ("0.05", "USD", 5, "0.05 USD"),
            ("7", "EUR", 700, "7.00 EUR"),
            ("1200", "JPY", 1_200, "1200 JPY"),
            ("1.005", "KWD", 1_005, "1.005 KWD"),
        ] {
            assert_eq!(parse(text, currency), Some(amount), "{text}");
            assert_eq!(show(amount, currency), shown);
        }
        for wrong in ["", ".5", "1.234", "1.2.3", "-1", "+1", "x", "1 000", "99999999999999999999"] {
            assert_eq!(parse(wrong, "EUR"), None, "{wrong}");
        }
        assert_eq!(parse("1.5", "JPY"), None);
    }
}
