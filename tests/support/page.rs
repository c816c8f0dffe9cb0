//! A reader of the text exposition format 0.0.4 that shares nothing with the writer, and refuses
//! what Prometheus or a careful reader would: a second TYPE, samples of a metric apart from each
//! other, a series twice, a wrong escape.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub struct Page {
    pub families: Vec<Family>,
}

#[derive(Debug)]
pub struct Family {
    pub name: String,
    pub help: String,
    pub kind: String,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    /// As it is written.
    pub value: String,
}

impl Page {
    pub fn read(bytes: &[u8]) -> Result<Page, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last line is not ended".to_string());
        }
        let mut page = Page::default();
        let mut names = BTreeSet::new();
        let mut series = BTreeSet::new();
        let mut help: Option<(String, String)> = None;
        for (number, line) in text.split('\n').enumerate() {
            let wrong = |what: &str| format!("line {}: {what}: {line:?}", number + 1);
            if line.is_empty() {
                continue;
            }
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, text) = rest.split_once(' ').ok_or_else(|| wrong("no help"))?;
                let text = unescape(text, false).ok_or_else(|| wrong("wrong escape in help"))?;
                if help.replace((name.to_string(), text)).is_some() {
                    return Err(wrong("HELP without TYPE before it"));
                }
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
                if !is_metric_name(name) || !["counter", "gauge", "untyped"].contains(&kind) {
                    return Err(wrong("wrong TYPE"));
                }
                let help = match help.take() {
                    Some((of, text)) if of == name => text,
                    _ => return Err(wrong("TYPE without its HELP before it")),
                };
                if !names.insert(name.to_string()) {
                    return Err(wrong("a second TYPE"));
                }
                page.families.push(Family {
                    name: name.to_string(),
                    help,
                    kind: kind.to_string(),
                    samples: Vec::new(),
                });
            } else if line.starts_with('#') {
                return Err(wrong("a comment"));
            } else {
                let (name, sample) = read_sample(line).ok_or_else(|| wrong("no sample"))?;
                let family = page
                    .families
                    .last_mut()
                    .filter(|family| family.name == name && help.is_none())
                    .ok_or_else(|| wrong("a sample apart from its TYPE"))?;
                if !series.insert((name, sample.labels.clone())) {
                    return Err(wrong("a series twice"));
                }
                family.samples.push(sample);
            }
        }
        if help.is_some() {
            return Err("HELP without TYPE at the end".to_string());
        }
        match page
            .families
            .iter()
            .find(|family| family.samples.is_empty())
        {
            Some(family) => Err(format!("{} has no sample", family.name)),
            None => Ok(page),
        }
    }

    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// The value of a series as it is written.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<&str> {
        let labels: BTreeMap<String, String> = labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let sample = self
            .family(name)?
            .samples
            .iter()
            .find(|sample| sample.labels == labels)?;
        Some(&sample.value)
    }

    /// `opensips_up`, which every page has.
    pub fn up(&self) -> &str {
        self.value("opensips_up", &[]).expect("opensips_up")
    }

    /// The names of the families that come from statistics of the server.
    pub fn of_server(&self) -> Vec<&str> {
        self.families
            .iter()
            .map(|family| family.name.as_str())
            .filter(|name| !is_of_the_exporter(name))
            .collect()
    }
}

/// Whether this metric is made of no statistic.
pub fn is_of_the_exporter(name: &str) -> bool {
    name == "opensips_up"
        || name == "opensips_scrape_duration_seconds"
        || name == "opensips_info"
        || name == "opensips_process_info"
        || name.starts_with("opensips_exporter_")
        || name.starts_with("process_")
}

fn is_metric_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

fn read_sample(line: &str) -> Option<(String, Sample)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let label_is_right = !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !label.starts_with(|c: char| c.is_ascii_digit());
            let end = closing_quote(after)?;
            let value = unescape(&after[..end], true)?;
            if !label_is_right || labels.insert(label.to_string(), value).is_some() {
                return None;
            }
            rest = &after[end + 1..];
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',')?;
        }
    }
    let value = rest.strip_prefix(' ')?;
    let is_number = value.parse::<f64>().is_ok() && !value.contains(' ');
    (is_metric_name(name) && is_number).then(|| {
        let value = value.to_string();
        (name.to_string(), Sample { labels, value })
    })
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, character)| {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == '"' {
            return Some(at);
        }
        None
    })
}

fn unescape(text: &str, quotes: bool) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                '\\' => '\\',
                'n' => '\n',
                '"' if quotes => '"',
                _ => return None,
            },
            _ => character,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `promtool` lets pass, this reader must not.
    #[test]
    fn invalid_pages_are_refused() {
        let head = "# HELP a A\n# TYPE a gauge\n";
        let other = "# HELP b B\n# TYPE b gauge\nb 1\n";
        assert!(Page::read(format!("{head}a 1\n{other}").as_bytes()).is_ok());
        for wrong in [
            format!("{head}a 1\na 1\n"),
            format!("{head}a{{x=\"1\",y=\"2\"}} 1\na{{y=\"2\",x=\"1\"}} 1\n"),
            format!("{head}a{{x=\"1\"}} 1\n{other}a{{x=\"2\"}} 1\n"),
            format!("{head}a 1\n{head}a{{x=\"1\"}} 1\n"),
            format!("{head}{other}"),
            format!("{head}b 1\n"),
            format!("{head}a{{x=\"\\x\"}} 1\n"),
            format!("{head}a{{x=\"\n\"}} 1\n"),
            format!("{head}a{{x=\"1\"}}1\n"),
            format!("{head}a one\n"),
            format!("{head}a 1"),
            "a 1\n".to_string(),
        ] {
            assert!(Page::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Page::read(b"# HELP a \xff\n# TYPE a gauge\na 1\n").is_err());
    }
}
