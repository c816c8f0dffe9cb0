//! What the tables of commands and flags look like to a reader: `--help`, the manual page, and
//! completions.

use std::fmt::Write;

use super::commands::COMMANDS;
use super::flags::{FLAGS, Flag, SWITCHES, variable};
use super::printed::ASSETS;
use crate::telemetry::VERSION;

/// The text of `--help`.
pub fn help() -> String {
    let mut help = String::from(
        "opensips_exporter: statistics of OpenSIPS and Kamailio for Prometheus\n\
         \n\
         Usage: opensips_exporter [COMMAND] [--FLAG VALUE]...\n\
         \n\
         Without a command it serves metrics over HTTP. Flags work with one dash or two,\n\
         and with = or a space before the value. A flag that is not given is taken from\n\
         the environment variable in brackets.\n",
    );
    for command in COMMANDS {
        describe(&mut help, command.usage, command.help);
    }
    for asset in ASSETS {
        // A write to a String cannot fail.
        let _ = writeln!(help, "        {:<17}{}", asset.name, asset.help);
    }
    for flag in FLAGS {
        describe(&mut help, &heading(flag), &text(flag));
    }
    for switch in SWITCHES {
        describe(&mut help, &switch.names.join(", "), switch.help);
    }
    help
}

/// `--addr HOST:PORT, --web.listen-address HOST:PORT`
fn heading(flag: &Flag) -> String {
    let names = flag.names.iter();
    let names = names.map(|name| format!("{name} {}", flag.value).trim_end().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// What the flag is for, its default and its variables.
fn text(flag: &Flag) -> String {
    let variables: Vec<String> = flag.names.iter().map(|name| variable(name)).collect();
    let mut text = flag.help.to_string();
    if !flag.default.is_empty() {
        let _ = write!(text, " Default: {}", flag.default);
    }
    let _ = write!(text, " [{}]", variables.join(", "));
    text
}
/// Adds a heading and a text of at most 80 columns.
fn describe(help: &mut String, heading: &str, text: &str) {
    const INDENT: &str = "        ";
    let _ = writeln!(help, "\n  {heading}");
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && INDENT.len() + line.len() + 1 + word.len() > 80 {
            let _ = writeln!(help, "{INDENT}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(help, "{INDENT}{line}");
}

/// The manual page, as man(1) reads it.
pub fn man_page() -> String {
    let mut page = format!(
        ".TH OPENSIPS_EXPORTER 8 \"\" \"opensips_exporter {VERSION}\"\n\
         .nh\n\
         .ad l\n\
         .SH NAME\n\
         opensips_exporter \\- statistics of OpenSIPS and Kamailio for Prometheus\n\
         .SH SYNOPSIS\n\
         .B opensips_exporter\n\
         [\\fICOMMAND\\fR] [\\fB\\-\\-flag\\fR \\fIVALUE\\fR]...\n\
         .SH DESCRIPTION\n\
         Without a command it serves the statistics of a SIP server over HTTP. At each scrape it asks the server for\n\
         them over its Management Interface (MI). Flags work with one dash or two, and with = or a space before the\n\
         value. A flag that is not given is taken from the environment variable in brackets.\n\
         .SH COMMANDS\n"
    );
    for command in COMMANDS {
        item(&mut page, command.usage, command.help);
    }
    page.push_str(".PP\nWhat print writes, and where to put it:\n");
    for asset in ASSETS {
        item(&mut page, asset.name, &format!("{}: {}", asset.help, asset.path));
    }
    page.push_str(".SH OPTIONS\n");
    for flag in FLAGS {
        item(&mut page, &heading(flag), &text(flag));
    }
    for switch in SWITCHES {
        item(&mut page, &switch.names.join(", "), switch.help);
    }
    page.push_str(
        ".SH EXIT STATUS\n\
         0 after a signal or a command that succeeded, 1 if the exporter cannot run, if check finds a problem, if dump\n\
         gets no statistics, or if a signal ends a command, 2 for a wrong command line.\n",
    );
    page
}

fn item(page: &mut String, heading: &str, text: &str) {
    let _ = writeln!(page, ".TP\n.B {}\n{}", escaped(heading), escaped(text));
}

/// `text` as roff takes it for itself: a dash, not a hyphen.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// Completions for bash.
pub fn bash_completions() -> String {
    let flags = FLAGS.iter().flat_map(|flag| flag.names);
    let switches = SWITCHES.iter().flat_map(|switch| switch.names);
    let commands = COMMANDS.iter().map(|command| &command.name);
    let words: Vec<&str> = commands.chain(flags).chain(switches).copied().collect();
    let assets: Vec<&str> = ASSETS.iter().map(|asset| asset.name).collect();
    let with_values = FLAGS.iter().filter(|flag| flag.value.contains('|'));
    let values: Vec<String> = with_values
        .map(|flag| {
            let names = flag.names.join("|");
            let (one_dash, values) = (names.replace("--", "-"), flag.value.replace('|', " "));
            format!("        {names}|{one_dash}) words='{values}' ;;\n")
        })
        .collect();
    format!(
        "# bash completions of opensips_exporter\n\
         _opensips_exporter() {{\n\
         \x20   local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}\n\
         \x20   local words='{}'\n\
         \x20   [[ $word == = ]] && word=\n\
         \x20   [[ $before == = ]] && before=${{COMP_WORDS[COMP_CWORD - 2]}}\n\
         \x20   case $before in\n\
         {}\
         \x20       print) words='{}' ;;\n\
         \x20       -*) words= ;;\n\
         \x20   esac\n\
         \x20   # One dash does as well as two.\n\
         \x20   [[ $word == -[^-]* ]] && words=${{words//--/-}}\n\
         \x20   COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n\
         }}\n\
         complete -o default -F _opensips_exporter opensips_exporter\n",
        words.join(" "),
        values.concat(),
        assets.join(" ")
    )
}
