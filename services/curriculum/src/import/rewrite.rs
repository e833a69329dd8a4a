//! Where links and images of a sanitised page lead. Works on the serialised form that the sanitiser
//! makes: attributes in double quotes, `<` in text always escaped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::files::{beside, normal};

const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\');

/// The course's pages, and where they are.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) course: &'a str,
    /// Relative to the book's directory.
    pub(crate) src: &'a Path,
    /// Slugs of lessons by their files, relative to the book's directory.
    pub(crate) lessons: &'a BTreeMap<PathBuf, String>,
}

/// A page in its final form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) html: String,
    /// Images it shows: name of the asset and file, relative to the book's directory.
    pub(crate) images: BTreeSet<(String, PathBuf)>,
    /// Links that lead to no page of the course; they became plain text.
    pub(crate) dead_links: Vec<String>,
}

/// `page` is relative to the book's directory. `has_image` tells whether a file can be an asset.
pub(crate) fn rewrite(html: &str, page: &Path, site: &Site, has_image: &dyn Fn(&Path) -> bool) -> Rewritten {
    let mut rewriter = Rewriter { page, site, has_image, out: Rewritten::default(), open_links: Vec::new() };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rewriter.out.html.push_str(&rest[..at]);
        let len = tag_len(&rest[at..]);
        rewriter.tag(&rest[at..at + len]);
        rest = &rest[at + len..];
    }
    rewriter.out.html.push_str(rest);
    rewriter.out
}

struct Rewriter<'a> {
    page: &'a Path,
    site: &'a Site<'a>,
    has_image: &'a dyn Fn(&Path) -> bool,
    out: Rewritten,
    /// Whether each open `<a>` was kept.
    open_links: Vec<bool>,
}

/// Where a link leads.
enum Target {
    Keep,
    External,
    Inside(String),
    Nowhere,
}

impl Rewriter<'_> {
    fn tag(&mut self, tag: &str) {
        if tag == "</a>" {
            if self.open_links.pop() != Some(false) {
                self.out.html.push_str(tag);
            }
        } else if tag.starts_with("<a ") || tag == "<a>" {
            self.link(tag);
        } else if tag.starts_with("<img") {
            self.image(tag);
        } else {
            self.out.html.push_str(tag);
        }
    }

    fn link(&mut self, tag: &str) {
        let mut attributes = attributes(tag);
        let href = attributes.iter().find(|(name, _)| name == "href").map(|(_, value)| value.clone());
        attributes.retain(|(name, _)| name != "href" && name != "rel");
        let mut kept = true;
        match href.as_deref().map(|href| (href, self.target(href))) {
            None => {}
            Some((href, Target::Keep)) => attributes.insert(0, ("href".to_owned(), href.to_owned())),
            Some((_, Target::Inside(href))) => attributes.insert(0, ("href".to_owned(), href)),
            Some((href, Target::External)) => {
                attributes.insert(0, ("href".to_owned(), href.to_owned()));
                attributes.push(("rel".to_owned(), "noopener".to_owned()));
                attributes.push(("target".to_owned(), "_blank".to_owned()));
            }
            Some((href, Target::Nowhere)) => {
                self.out.dead_links.push(href.to_owned());
                // It may still be the place that another link leads to.
                kept = attributes.iter().any(|(name, _)| name == "id" || name == "name");
            }
        }
        if kept {
            self.out.html.push_str(&element("a", &attributes));
        }
        self.open_links.push(kept);
    }

    fn target(&self, href: &str) -> Target {
        if href.is_empty() || href.starts_with('#') || href.starts_with("mailto:") {
            return Target::Keep;
        }
        if is_remote(href) {
            return Target::External;
        }
        let (path, fragment) = split_fragment(href);
        self.lesson(&path).map_or(Target::Nowhere, |slug| {
            let (course, slug) = (self.site.course, utf8_percent_encode(slug, SEGMENT));
            Target::Inside(format!("/courses/{course}/lessons/{slug}{fragment}"))
        })
    }

    fn lesson(&self, path: &str) -> Option<&str> {
        let file = normal(&self.resolve(path))?;
        let mut candidates = vec![file.clone(), file.with_extension("md")];
        // mdBook renders README.md as index.html.
        if file.file_stem().is_some_and(|stem| stem == "index") {
            candidates.push(file.with_file_name("README.md"));
        }
        candidates.extend(["README.md", "index.md"].map(|name| file.join(name)));
        candidates.iter().find_map(|file| self.site.lessons.get(file)).map(String::as_str)
    }

    /// A path that begins with a slash starts at the book's first page.
    fn resolve(&self, path: &str) -> PathBuf {
        match path.strip_prefix('/') {
            Some(path) => self.site.src.join(path.trim_start_matches('/')),
            None => beside(self.page, path),
        }
    }

    fn image(&mut self, tag: &str) {
        let mut attributes = attributes(tag);
        let value = |wanted: &str| {
            attributes
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let (src, alt) = (value("src"), value("alt"));
        if is_remote(&src) {
            // Remote images would tell their server who reads what.
            let text = escape(if alt.is_empty() { &src } else { &alt });
            if self.open_links.contains(&true) {
                self.out.html.push_str(&text);
            } else {
                let link = [("href", src.as_str()), ("rel", "noopener"), ("target", "_blank")];
                let link = link.map(|(name, value)| (name.to_owned(), value.to_owned()));
                self.out.html.push_str(&format!("{}{text}</a>", element("a", &link)));
            }
            return;
        }
        let file = normal(&self.resolve(&split_fragment(&src).0)).filter(|file| (self.has_image)(file));
        let Some(file) = file else {
            self.out.html.push_str(&escape(&alt));
            return;
        };
        let name = self.asset_name(&file);
        let path = utf8_percent_encode(&name, SEGMENT);
        let url = format!("/api/v1/courses/{}/assets/{path}", self.site.course);
        attributes.retain(|(name, _)| name != "src");
        attributes.insert(0, ("src".to_owned(), url));
        self.out.html.push_str(&element("img", &attributes));
        self.out.images.insert((name, file));
    }

    fn asset_name(&self, file: &Path) -> String {
        match file.strip_prefix(self.site.src) {
            Ok(inside) => super::files::shown(inside),
            Err(_) => format!("_book/{}", super::files::shown(file)),
        }
    }
}

fn is_remote(url: &str) -> bool {
    let url = url.trim_start().to_ascii_lowercase();
    url.starts_with("http:") || url.starts_with("https:") || url.starts_with("//")
}

/// The decoded path without query, and the fragment with its `#`.
fn split_fragment(url: &str) -> (String, &str) {
    let (path, fragment) = url.find('#').map_or((url, ""), |at| url.split_at(at));
    let path = path.split('?').next().unwrap_or_default();
    (percent_decode_str(path).decode_utf8_lossy().into_owned(), fragment)
}

/// Length of the tag at the start of the text: a `>` within quotes does not end it.
fn tag_len(text: &str) -> usize {
    let mut quoted = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return index + 1,
            _ => {}
        }
    }
    text.len()
}

fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut rest = tag.trim_start_matches('<').trim_end_matches('>');
    let mut out = Vec::new();
    // The name of the element ends with the first space.
    while let Some((_, after)) = rest.split_once(' ') {
        let Some((name, value)) = after.split_once("=\"") else { break };
        let Some((value, after)) = value.split_once('"') else { break };
        out.push((name.trim().to_owned(), unescape(value)));
        rest = after;
    }
    out
}

fn element(name: &str, attributes: &[(String, String)]) -> String {
    let attributes: String =
        attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", escape(value))).collect();
    format!("<{name}{attributes}>")
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(html: &str) -> Rewritten {
        let lessons =
            [("src/ch01/a.md", "ch01-a"), ("src/ch01/README.md", "ch01-README"), ("src/b c.md", "b-c")]
                .map(|(path, slug)| (PathBuf::from(path), slug.to_owned()));
        let lessons = BTreeMap::from(lessons);
        let site = Site { course: "c", src: Path::new("src"), lessons: &lessons };
        let html = super::super::sanitise::sanitise(html);
        rewrite(&html, Path::new("src/ch01/a.md"), &site, &|file| {
            file.extension().is_some_and(|end| end == "png")
        })
    }

    #[test]
    fn links_between_pages_lead_to_lessons() {
        for (href, expected) in [
            ("a.md", "/courses/c/lessons/ch01-a"),
            ("./a.html#x", "/courses/c/lessons/ch01-a#x"),
            ("../b%20c.md?q#y-z", "/courses/c/lessons/b-c#y-z"),
            ("index.html", "/courses/c/lessons/ch01-README"),
            ("../ch01/", "/courses/c/lessons/ch01-README"),
            ("/ch01/a.md", "/courses/c/lessons/ch01-a"),
            ("#here", "#here"),
            ("mailto:a@b.example", "mailto:a@b.example"),
        ] {
            let html = rewritten(&format!("<a href=\"{href}\">x</a>")).html;
            assert_eq!(html, format!("<a href=\"{expected}\">x</a>"), "{href}");
        }
    }

    #[test]
    fn links_to_elsewhere_open_elsewhere() {
        let html =
            rewritten("<p>a &lt; b <a href=\"https://x.example/?a=1&amp;b=%22\" title=\"a > b\">x</a></p>")
                .html;
        assert_eq!(
            html,
            "<p>a &lt; b <a href=\"https://x.example/?a=1&amp;b=%22\" title=\"a &gt; b\" rel=\"noopener\" target=\"_blank\">x</a></p>"
        );
    }

    #[test]
    fn a_link_to_nowhere_is_text_and_reported() {
        let out = rewritten(
            "<a href=\"../std/vec.html\"><code>Vec</code></a> <a href=\"../../x.md\">y</a> <a id=\"z\" href=\"q.md\"></a>",
        );
        assert_eq!(out.html, "<code>Vec</code> y <a id=\"z\"></a>");
        assert_eq!(out.dead_links, ["../std/vec.html", "../../x.md", "q.md"]);
    }

    #[test]
    fn images_are_assets_or_words() {
        let out = rewritten(
            "<img src=\"../img/a b.png\" alt=\"A &quot;b&quot;\"><img src=\"../../top.png\" alt=\"t\">",
        );
        assert_eq!(
            out.html,
            "<img src=\"/api/v1/courses/c/assets/img/a%20b.png\" alt=\"A &quot;b&quot;\"><img src=\"/api/v1/courses/c/assets/_book/top.png\" alt=\"t\">"
        );
        let names: Vec<&str> = out.images.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["_book/top.png", "img/a b.png"]);
        assert_eq!(
            rewritten("<img src=\"x.exe\" alt=\"gone\"><img src=\"../../../y.png\" alt=\"too\">").html,
            "gonetoo"
        );
        assert_eq!(
            rewritten("<img src=\"https://t.example/p.png\" alt=\"P\">").html,
            "<a href=\"https://t.example/p.png\" rel=\"noopener\" target=\"_blank\">P</a>"
        );
        assert_eq!(rewritten("<img src=\"//t.example/p.png\">").html.matches("<img").count(), 0);
        let linked = rewritten("<a href=\"a.md\"><img src=\"https://t.example/p.png\" alt=\"P\"></a>").html;
        assert_eq!(linked, "<a href=\"/courses/c/lessons/ch01-a\">P</a>");
    }
}
