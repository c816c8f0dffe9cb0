//! What the samples of one metric name have in common.

/// The TYPE of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, or starts again at 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Nobody says which of the two it is.
    Untyped,
}

impl Kind {
    /// The word behind `# TYPE name`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Untyped => "untyped",
        }
    }
}

/// What all samples of one metric name have in common.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The metric name, letters, digits and underscores.
    pub name: &'static str,
    /// Its TYPE.
    pub kind: Kind,
    /// Its HELP, one line in plain words.
    pub help: &'static str,
}

/// The lines of a [`Family`] that stand before its samples, made once.
#[derive(Debug)]
pub struct Header(Vec<u8>);

impl Header {
    /// Those of `families`, in their order.
    pub fn of(families: &[Family]) -> Vec<Header> {
        families.iter().map(Header::new).collect()
    }

    /// The lines.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    fn new(family: &Family) -> Self {
        let Family { name, kind, help } = family;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let text = format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
        Header(text.into_bytes())
    }
}
