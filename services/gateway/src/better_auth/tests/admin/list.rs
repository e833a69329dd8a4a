use super::*;

#[tokio::test]
async fn users_are_listed_as_the_query_asks() {
    let gateway = administration().await;
    let all = gateway.get("/admin/list-users").await;
    assert_eq!((all.status, &all.body["total"], all.body.as_object().unwrap().len()), (200, &json!(7), 2));
    assert_eq!(all.body["users"][0]["createdAt"], json!("2026-01-05T09:00:00.000Z"));
    let asked = gateway.double.call("list_users");
    assert!(asked.contains("user_id: \"ada\""), "the actor: {asked}");
    assert!(asked.contains("limit: 0, offset: 0, sort_by: \"\", descending: false"), "{asked}");
    assert!(asked.contains("filter_values: []"), "{asked}");

    let query = "searchValue=a%25&searchField=name&searchOperator=ends_with&limit=2&offset=4&sortBy=name\
                 &sortDirection=desc&filterField=role&filterOperator=in&filterValue=student&filterValue=admin";
    let page = gateway.get(&format!("/admin/list-users?{query}")).await;
    assert_eq!((&page.body["limit"], &page.body["offset"]), (&json!(2), &json!(4)));
    let asked = gateway.double.call("list_users");
    for part in [
        "search_value: \"a%\", search_field: \"name\", search_operator: \"ends_with\"",
        "limit: 2, offset: 4, sort_by: \"name\", descending: true",
        "filter_field: \"role\", filter_operator: \"in\", filter_values: [\"student\", \"admin\"]",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
}

#[tokio::test]
async fn what_a_client_leaves_out_or_misspells_in_a_list_is_tolerated() {
    let gateway = administration().await;
    for query in
        ["limit=undefined&offset=undefined", "limit=&offset=", "limit=0&offset=0", "limit=-1&offset=x"]
    {
        let answer = gateway.get(&format!("/admin/list-users?{query}&sortDirection=desc")).await;
        assert_eq!(
            (&answer.body["total"], answer.body.as_object().unwrap().len()),
            (&json!(7), 2),
            "{query}"
        );
        let asked = gateway.double.call("list_users");
        assert!(asked.contains("limit: 0, offset: 0, sort_by: \"\", descending: false"), "{asked}");
    }
    gateway.get("/admin/list-users?filterValue=a%40b.co").await;
    let asked = gateway.double.call("list_users");
    assert!(asked.contains("filter_field: \"email\"") && asked.contains("[\"a@b.co\"]"), "{asked}");
    gateway.refuse("list_users", ErrorCode::InvalidArgument, "VALIDATION_ERROR");
    let none = gateway.get("/admin/list-users?sortBy=password&limit=2").await;
    assert_eq!((none.status, none.body), (200, json!({ "users": [], "total": 0 })));
    gateway.refuse("list_users", ErrorCode::Unavailable, "SERVICE_UNAVAILABLE");
    assert_eq!(gateway.get("/admin/list-users").await.status, 503);
}
