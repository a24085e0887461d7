//! Policy for Windows: registry files for Chrome and Edge, and an administrative template (ADMX) with which group policy
//! edits the extension's own settings.

use super::site::Site;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Name, and the key below `HKEY_LOCAL_MACHINE`.
const BROWSERS: &[(&str, &str)] = &[
    ("Chrome", r"SOFTWARE\Policies\Google\Chrome"),
    ("Edge", r"SOFTWARE\Policies\Microsoft\Edge"),
];
/// What the extension can be told: generated from it, so that both name the same settings.
const SCHEMA: &str = include_str!("../../../www/extension/schema.json");

/// Writes `tacit-chrome.reg`, `tacit-edge.reg`, `tacit.admx` and `en-US/tacit.adml`.
pub fn write(folder: &Path, site: &Site) -> Result<()> {
    for (browser, key) in BROWSERS {
        let file = folder.join(format!("tacit-{}.reg", browser.to_lowercase()));
        super::write(&file, &utf16(&registry(site, key)?))?;
    }
    let template = Template::read(site)?;
    super::write(&folder.join("tacit.admx"), template.admx().as_bytes())?;
    super::write(&folder.join("en-US/tacit.adml"), template.adml().as_bytes())
}

/// What `reg import` reads.
fn registry(site: &Site, key: &str) -> Result<String> {
    let mut text = String::from("Windows Registry Editor Version 5.00\n");
    writeln!(text, "\n[HKEY_LOCAL_MACHINE\\{key}]")?;
    let settings = serde_json::to_string(&site.extension_settings())?;
    writeln!(text, "\"ExtensionSettings\"={}", quoted(&settings))?;
    for (name, value) in Site::switches() {
        writeln!(text, "\"{name}\"=dword:{value:08x}")?;
    }
    let managed = format!(
        "HKEY_LOCAL_MACHINE\\{key}\\3rdparty\\extensions\\{}\\policy",
        site.id
    );
    writeln!(text, "\n[{managed}]")?;
    writeln!(text, "\"server_origin\"={}", quoted(&site.server))?;
    writeln!(text, "\n[{managed}\\okta_origins]")?;
    for (number, origin) in site.okta.iter().enumerate() {
        writeln!(text, "\"{}\"={}", number + 1, quoted(origin))?;
    }
    Ok(text)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Registry files are UTF-16LE with a mark in front and CRLF.
fn utf16(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The settings of the extension's managed schema.
struct Template {
    id: String,
    settings: Vec<Setting>,
}

struct Setting {
    name: String,
    kind: String,
    title: String,
    description: String,
}

impl Template {
    fn read(site: &Site) -> Result<Self> {
        let schema: Value = serde_json::from_str(SCHEMA)?;
        let properties = schema["properties"]
            .as_object()
            .context("schema.json has no properties")?;
        let setting = |(name, schema): (&String, &Value)| {
            let text = |key: &str| {
                let text = schema[key].as_str();
                text.map(str::to_owned)
                    .with_context(|| format!("{name} has no {key} in schema.json"))
            };
            Ok(Setting {
                name: name.clone(),
                kind: text("type")?,
                title: text("title")?,
                description: text("description")?,
            })
        };
        Ok(Self {
            id: site.id.clone(),
            settings: properties.iter().map(setting).collect::<Result<_>>()?,
        })
    }

    fn admx(&self) -> String {
        let mut policies = String::new();
        for (browser, key) in BROWSERS {
            let key = format!("{key}\\3rdparty\\extensions\\{}\\policy", self.id);
            for setting in &self.settings {
                policies += &setting.policy(browser, &key);
            }
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <policyDefinitions revision=\"1.0\" schemaVersion=\"1.0\" xmlns=\"http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions\">\n  \
             <policyNamespaces>\n    <target prefix=\"tacit\" namespace=\"Tacit.Policies\"/>\n    \
             <using prefix=\"windows\" namespace=\"Microsoft.Policies.Windows\"/>\n  </policyNamespaces>\n  \
             <resources minRequiredRevision=\"1.0\"/>\n  \
             <supportedOn><definitions><definition name=\"Browser\" displayName=\"$(string.Browser)\"/></definitions></supportedOn>\n  \
             <categories>\n    <category name=\"Tacit\" displayName=\"$(string.Tacit)\"/>\n    \
             <category name=\"Chrome\" displayName=\"$(string.Chrome)\"><parentCategory ref=\"Tacit\"/></category>\n    \
             <category name=\"Edge\" displayName=\"$(string.Edge)\"><parentCategory ref=\"Tacit\"/></category>\n  </categories>\n  \
             <policies>\n{policies}  </policies>\n</policyDefinitions>\n"
        )
    }

    fn adml(&self) -> String {
        let mut strings = String::new();
        let mut presentations = String::new();
        for setting in &self.settings {
            let Setting { name, title, .. } = setting;
            let (title, help) = (escaped(title), escaped(&setting.description));
            strings += &format!(
                "      <string id=\"{name}\">{title}</string>\n      <string id=\"{name}_help\">{help}</string>\n"
            );
            presentations += &setting.presentation(&title);
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <policyDefinitionResources revision=\"1.0\" schemaVersion=\"1.0\" xmlns=\"http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions\">\n  \
             <displayName>Tacit</displayName>\n  <description>Settings of the Tacit extension</description>\n  <resources>\n    \
             <stringTable>\n      <string id=\"Tacit\">Tacit</string>\n      <string id=\"Chrome\">Google Chrome</string>\n      \
             <string id=\"Edge\">Microsoft Edge</string>\n      <string id=\"Browser\">Chrome or Edge 123 and later</string>\n\
             {strings}    </stringTable>\n    <presentationTable>\n{presentations}    </presentationTable>\n  \
             </resources>\n</policyDefinitionResources>\n"
        )
    }
}

impl Setting {
    fn policy(&self, browser: &str, key: &str) -> String {
        let Self { name, kind, .. } = self;
        let (value, body) = match kind.as_str() {
            "boolean" => (
                format!(" valueName=\"{name}\""),
                "      <enabledValue><decimal value=\"1\"/></enabledValue>\n      \
                 <disabledValue><decimal value=\"0\"/></disabledValue>\n"
                    .to_owned(),
            ),
            "array" => (
                String::new(),
                format!(
                    "      <elements><list id=\"{name}\" key=\"{key}\\{name}\" valuePrefix=\"\"/></elements>\n"
                ),
            ),
            _ => (
                String::new(),
                format!(
                    "      <elements><text id=\"{name}\" valueName=\"{name}\" required=\"true\"/></elements>\n"
                ),
            ),
        };
        let presentation = match kind.as_str() {
            "boolean" => String::new(),
            _ => format!(" presentation=\"$(presentation.{name})\""),
        };
        format!(
            "    <policy name=\"{browser}_{name}\" class=\"Machine\" displayName=\"$(string.{name})\" \
             explainText=\"$(string.{name}_help)\" key=\"{key}\"{value}{presentation}>\n      \
             <parentCategory ref=\"{browser}\"/>\n      <supportedOn ref=\"Browser\"/>\n{body}    </policy>\n"
        )
    }

    fn presentation(&self, title: &str) -> String {
        let name = &self.name;
        let element = match self.kind.as_str() {
            "boolean" => return String::new(),
            "array" => format!("<listBox refId=\"{name}\">{title}</listBox>"),
            _ => format!("<textBox refId=\"{name}\"><label>{title}</label></textBox>"),
        };
        format!("      <presentation id=\"{name}\">{element}</presentation>\n")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::site::tests::example;

    #[test]
    fn the_registry_holds_the_settings_as_one_json_text() {
        let text = registry(&example(), BROWSERS[0].1).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("\"ExtensionSettings\"="))
            .unwrap();
        let json: String = serde_json::from_str(line).unwrap();
        let settings: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(settings, example().extension_settings());
        assert!(text.contains("\"NativeMessagingUserLevelHosts\"=dword:00000000"));
    }

    #[test]
    fn the_file_is_what_reg_import_reads() {
        assert_eq!(utf16("a\n"), [0xff, 0xfe, b'a', 0, b'\r', 0, b'\n', 0]);
    }

    #[test]
    fn the_template_names_every_setting_of_the_schema_for_both_browsers() {
        let template = Template::read(&example()).unwrap();
        assert!(template.settings.len() >= 5);
        let (admx, adml) = (template.admx(), template.adml());
        for setting in &template.settings {
            for browser in ["Chrome", "Edge"] {
                assert!(admx.contains(&format!("name=\"{browser}_{}\"", setting.name)));
            }
            assert!(adml.contains(&format!("id=\"{}_help\"", setting.name)));
        }
    }
}
