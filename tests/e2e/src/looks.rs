//! What a page is like for the people who use it: in light and dark, as wide as it may be, and for a screen reader.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::PathBuf;
use support::{Browser, programs};

/// A width at which a page is looked at, in CSS pixels, and the name of its pictures.
pub type Width = (&'static str, u32);

/// As on a desk.
pub const DESK: Width = ("desk", 1100);
/// As on a phone.
pub const PHONE: Width = ("phone", 390);
/// The popup's own width.
pub const POPUP: Width = ("popup", 384);

/// Texts whose contrast with what is behind them is below WCAG 2.2, 1.4.3: 4.5 to 1, for large text 3 to 1.
const FAINT: &str = r#"
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const colour = (text) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = text;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
        return { c: [r, g, b], a: a / 255 };
    };
    const over = (top, under) => top.c.map((part, at) => part * top.a + under[at] * (1 - top.a));
    const ground = (element) => {
        if (!element) {
            const probe = document.createElement("div");
            probe.style.color = "Canvas";
            document.documentElement.append(probe);
            const { c } = colour(getComputedStyle(probe).color);
            probe.remove();
            return c;
        }
        const own = colour(getComputedStyle(element).backgroundColor);
        return own.a === 1 ? own.c : over(own, ground(element.parentElement));
    };
    const light = (c) => {
        const [r, g, b] = c.map((part) => part / 255).map((s) => (s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faint = [];
    for (const element of document.querySelectorAll("body *:not(option)")) {
        const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
        const box = element.getBoundingClientRect();
        if (!text || box.width <= 1 || !element.checkVisibility({ visibilityProperty: true }) || element.closest(":disabled")) continue;
        const style = getComputedStyle(element);
        const behind = ground(element);
        const [a, b] = [light(over(colour(style.color), behind)), light(behind)].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) faint.push(`${element.localName}.${element.className} ${ratio.toFixed(2)} ${text.slice(0, 40)}`);
    }
    return faint;"#;

/// Roles that a person can operate; each needs a name that a screen reader can say.
const OPERABLE: &[&str] = &[
    "button",
    "checkbox",
    "combobox",
    "link",
    "radio",
    "textbox",
    "progressbar",
    "progressIndicator",
    "table",
    "image",
    "dialog",
];

/// Takes pictures of the current page in light and dark at each width, for a person to look at, and finds what is too
/// faint, too wide or nameless.
pub async fn examine(browser: &Browser, name: &str, widths: &[Width]) -> Result<()> {
    let looked = look(browser, name, widths).await;
    browser
        .devtools("Emulation.setEmulatedMedia", scheme(""))
        .await?;
    browser
        .devtools("Emulation.clearDeviceMetricsOverride", json!({}))
        .await?;
    looked
}

async fn look(browser: &Browser, name: &str, widths: &[Width]) -> Result<()> {
    ensure_named(browser)
        .await
        .with_context(|| name.to_owned())?;
    for &(width_name, width) in widths {
        let metrics = json!({
            "width": width, "height": 900, "deviceScaleFactor": 2, "mobile": width < 500,
        });
        browser
            .devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        for shade in ["light", "dark"] {
            browser
                .devtools("Emulation.setEmulatedMedia", scheme(shade))
                .await?;
            let what = format!("{name}-{width_name}-{shade}");
            browser
                .screenshot(&folder()?.join(format!("{what}.png")))
                .await?;
            let faint = browser.run(FAINT, Vec::new()).await?;
            ensure!(faint == json!([]), "{what}: too faint: {faint}");
        }
        let wide = browser
            .run(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
                Vec::new(),
            )
            .await?;
        ensure!(wide == 0, "{name} is {wide} px wider than {width}");
    }
    Ok(())
}

/// What a screen reader needs: a language, a title, a heading, and a name for each thing that can be operated.
async fn ensure_named(browser: &Browser) -> Result<()> {
    let head = browser
        .run(
            "return [document.documentElement.lang, document.title, document.querySelectorAll('h1').length > 0]",
            Vec::new(),
        )
        .await?;
    let said = |at: usize| head[at].as_str().is_some_and(|text| !text.is_empty());
    ensure!(
        said(0) && said(1) && head[2] == true,
        "language, title and heading are {head}"
    );
    let tree = browser
        .devtools("Accessibility.getFullAXTree", json!({}))
        .await?;
    let nodes = tree["nodes"].as_array().context("no tree")?;
    let mut operable = 0;
    for node in nodes.iter().filter(|node| node["ignored"] != true) {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if OPERABLE.contains(&role) {
            operable += 1;
            let name = node["name"]["value"].as_str().unwrap_or_default();
            ensure!(!name.trim().is_empty(), "a {role} without a name: {node}");
        }
    }
    println!("    {operable} named parts");
    Ok(())
}

fn scheme(value: &str) -> Value {
    json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] })
}

fn folder() -> Result<PathBuf> {
    let target = programs::folder()?;
    Ok(target
        .parent()
        .context("no target folder")?
        .join("screenshots"))
}
