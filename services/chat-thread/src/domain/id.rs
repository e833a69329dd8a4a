//! The ids as `kernel` generates them; nothing else is stored, so nothing else is found.

use kernel::{ItemId, ThreadId};

const LENGTH: usize = 24;

pub(crate) fn thread_id(text: &str) -> Option<ThreadId> {
    is_id(text, "thr_").then(|| ThreadId::from(text))
}

pub(crate) fn item_id(text: &str) -> Option<ItemId> {
    is_id(text, "msg_").then(|| ItemId::from(text))
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use kernel::SeededEntropy;

    use super::*;

    #[test]
    fn generated_ids_are_ids() {
        let entropy = SeededEntropy::new(1);
        for _ in 0..100 {
            let (thread, item) = (ThreadId::generate(&entropy), ItemId::generate(&entropy));
            assert_eq!(thread_id(thread.as_str()), Some(thread));
            assert_eq!(item_id(item.as_str()), Some(item));
        }
    }

    #[test]
    fn nothing_else_is_one() {
        let rest = "a".repeat(24);
        assert!(thread_id(&format!("thr_{rest}")).is_some());
        for bad in [
            String::new(),
            "thr_".to_owned(),
            rest.clone(),
            format!("msg_{rest}"),
            format!("THR_{rest}"),
            format!("thr_{rest}a"),
            format!(" thr_{rest}"),
            format!("thr_{}", &rest[1..]),
            format!("thr_{}\0", &rest[1..]),
            format!("thr_{}_", &rest[1..]),
            format!("thr_{}é", &rest[2..]),
            format!("thr_thr_{}", &rest[4..]),
        ] {
            assert_eq!(thread_id(&bad), None, "{bad:?}");
        }
        assert_eq!(item_id(&format!("thr_{rest}")), None);
    }
}
