import Relay
import Testing

@Suite("A route to a topic") struct TopicRouteTests {
    @Test("is written TYPE:TOPIC:KEY") func form() {
        #expect(
            TopicRoute("user.registered:users:user_id")
                == TopicRoute(type: "user.registered", topic: "users", key: .payload(["user_id"]))
        )
        #expect(TopicRoute("a:b:c.d")?.key == .payload(["c", "d"]))
        #expect(TopicRoute("a:b:@stream")?.key == .stream)
    }

    @Test(
        "is refused in another form, and with a name that Kafka does not allow",
        arguments: [
            "", "a", "a:b", ":b:c", "a::c", "a:b:", "a:b:c:d", "a:with space:c", "a:..:c", "a:b:c..d", "a:é:c",
        ]
    ) func refused(text: String) {
        #expect(TopicRoute(text) == nil)
    }
}
