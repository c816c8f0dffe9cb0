//! The landing page in a real browser. `make e2e` runs this; it needs the Debian packages chromium
//! and chromium-driver.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::stand_in::{StandIn, V3_6};
use crate::support::{Exporter, TempDir, captured};
use serde_json::{Value, json};

/// A browser that is told what to do by the WebDriver protocol.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    fn start(profile: &TempDir) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: install the Debian packages chromium and chromium-driver");
        let lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let mut browser = Browser {
            driver,
            port: port.expect("chromedriver says its port"),
            session: String::new(),
        };
        let arguments = [
            "--headless=new".to_string(),
            "--no-sandbox".to_string(),
            "--disable-gpu".to_string(),
            "--disable-dev-shm-usage".to_string(),
            "--disable-background-networking".to_string(),
            "--no-first-run".to_string(),
            // Nothing leaves this machine.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1".to_string(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let started = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": arguments},
            }}}),
        );
        let session = started["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{session}");
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut answer = self.exchange(method, path, body).expect("an answer");
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{method} {path}: {value}");
        value
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let body = match method {
            "POST" => body.to_string(),
            _ => String::new(),
        };
        let (session, length) = (&self.session, body.len());
        write!(
            stream,
            "{method} {session}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }

    fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    fn links(&self) -> Vec<Value> {
        let links = self.ask(
            "POST",
            "/elements",
            &json!({"using": "css selector", "value": "a"}),
        );
        links.as_array().expect("links").clone()
    }

    /// What went wrong so far, as the console of the browser says.
    fn errors(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().expect("a log").iter();
        entries.map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends the browser, however the test ended.
        if !self.session.is_empty() {
            let _ = self.exchange("DELETE", "", &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
#[ignore = "needs the Debian packages chromium and chromium-driver: make e2e"]
fn the_landing_page_leads_everywhere_without_errors() {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V3_6, &captured());
    server.load_modules();
    let exporter = Exporter::start(&socket, &[]);
    let profile = TempDir::new();
    let browser = Browser::start(&profile);
    let landing = format!("http://{}/", exporter.address);
    exporter.scrape();
    browser.open(&landing);
    // From a small phone to a wide screen: nothing is wider than the window.
    for (width, height) in [(320, 568), (412, 915), (820, 1180), (1920, 1080)] {
        browser.ask(
            "POST",
            "/window/rect",
            &json!({"width": width, "height": height}),
        );
        let script = "return document.documentElement.scrollWidth <= window.innerWidth";
        let fits = browser.ask(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        );
        assert_eq!(fits, true, "{width} x {height}");
    }
    let title = browser.ask("GET", "/title", &Value::Null);
    assert_eq!(title, "opensips_exporter");
    let count = browser.links().len();
    assert!(count > 20, "{count}");
    for link in 0..count {
        browser.open(&landing);
        let link = &browser.links()[link];
        // The only member is the number of the element.
        let id = link.as_object().and_then(|link| link.values().next());
        let id = id.and_then(Value::as_str).expect("an element");
        browser.ask("POST", &format!("/element/{id}/click"), &json!({}));
        let url = browser.ask("GET", "/url", &Value::Null);
        assert_ne!(url, landing.as_str());
        let source = browser.ask("GET", "/source", &Value::Null);
        let source = source.as_str().expect("a page");
        let is_right = ["opensips_up 1", "healthy", "ready"].iter();
        assert!(
            is_right.clone().any(|text| source.contains(text)),
            "{url}: {source}"
        );
    }
    assert_eq!(browser.errors(), Vec::<String>::new());
}
