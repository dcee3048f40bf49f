// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The rows in memory are confined to one task, and checking each access at run time costs a twentieth of a rebuild; what
/// the compiler can check, it still does.
let foldingSettings: [SwiftSetting] = settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]

let package = Package(
    name: "refold",
    products: [
        // The vocabulary of projections, and what they are tested with.
        .library(name: "Refold", targets: ["Refold"]),
        .library(name: "RefoldTestKit", targets: ["RefoldTestKit"]),
        // Events: appending, reading, subscribing, over a connection.
        .library(name: "EventStore", targets: ["EventStore", "Postgres"]),
        // Sending records to Kafka and consuming them, without the rest of Refold.
        .library(name: "Kafka", targets: ["Kafka"]),
        // What decides, and its repository.
        .library(name: "Aggregates", targets: ["Aggregates", "AggregateStore"]),
        // Every command, for the projections of a program.
        .library(name: "RefoldCommandLine", targets: ["RefoldCommandLine"]),
        .executable(name: "refold", targets: ["CLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin.git", from: "1.5.0"),
    ],
    targets: [
        // The C libraries.
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),

        // An executor whose jobs may block.
        .target(name: "BlockingCalls", swiftSettings: settings),

        // Where the time comes from.
        .target(name: "Timing", swiftSettings: settings),

        // The two servers.
        .target(
            name: "Postgres",
            dependencies: ["CPostgres", "BlockingCalls", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings
        ),
        .target(
            name: "Redis",
            dependencies: [
                "CHiredis", "BlockingCalls", "Timing", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),

        // The carrier of events to other services.
        .target(
            name: "Kafka",
            dependencies: [
                "BlockingCalls", "CRdkafka", "Refold", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),

        // The author's vocabulary, and the store that events come from.
        .target(name: "Refold", dependencies: ["CSimdjson"], swiftSettings: foldingSettings),
        .target(
            name: "EventStore",
            dependencies: [
                "BlockingCalls", "Postgres", "Refold", "Timing", .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Schema")],
            swiftSettings: settings
        ),

        // What projections are tested with.
        .target(name: "RefoldTestKit", dependencies: ["Refold"], swiftSettings: settings),

        // The other way: what decides which events there are.
        .target(name: "Aggregates", dependencies: ["Refold"], swiftSettings: settings),
        .target(
            name: "AggregateStore",
            dependencies: [
                "Aggregates", "EventStore", "Postgres", "Refold", "Timing",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "BankingDomain",
            dependencies: ["Aggregates", "Refold"],
            swiftSettings: settings
        ),
        .target(
            name: "VideoDomain",
            dependencies: ["Aggregates", "Refold"],
            swiftSettings: settings
        ),
        .target(
            name: "SampleLog",
            dependencies: ["EventStore", "Postgres", "Refold", "VideoDomain"],
            swiftSettings: settings
        ),

        .target(
            name: "Engine",
            dependencies: [
                "EventStore", "Postgres", "Refold", "Timing",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            resources: [.embedInCode("Schema")],
            swiftSettings: settings
        ),

        // What sends the log to Kafka.
        .target(
            name: "Relay",
            dependencies: [
                "Engine", "EventStore", "Kafka", "Postgres", "Refold", "Timing",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),

        // The hot rows in Redis, behind the engine's protocol for a cache.
        .target(
            name: "HotCache",
            dependencies: [
                "Engine", "Postgres", "Redis", "Refold", "Timing",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            resources: [.embedInCode("Keys/Scripts")],
            swiftSettings: settings
        ),

        // The projections, a folder for each domain.
        .target(
            name: "VideoProjections",
            dependencies: ["Refold", "VideoDomain"],
            path: "Projections/Video",
            swiftSettings: settings
        ),
        .target(
            name: "BankingProjections",
            dependencies: ["BankingDomain", "Refold"],
            path: "Projections/Banking",
            swiftSettings: settings
        ),

        // The commands, for whatever projections a program lists.
        .target(
            name: "RefoldCommandLine",
            dependencies: [
                "AggregateStore", "Aggregates", "CMalloc", "Engine", "EventStore", "HotCache", "Kafka", "Postgres",
                "Redis", "Refold", "Relay",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),

        // The executable refold: the list of what it runs, and the main file.
        .target(
            name: "RefoldInstallation",
            dependencies: [
                "BankingDomain", "BankingProjections", "Engine", "EventStore", "Postgres", "Refold",
                "RefoldCommandLine", "SampleLog", "VideoDomain", "VideoProjections",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Projections/Installation",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "CLI",
            dependencies: ["RefoldCommandLine", "RefoldInstallation"],
            swiftSettings: settings
        ),

        // Services of other teams, as they would consume what the relay sends.
        .executableTarget(
            name: "ExampleServices",
            dependencies: [
                "Kafka", "Postgres", "Refold",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),

        // What ops/bench runs.
        .executableTarget(
            name: "Benchmark",
            dependencies: [
                "AggregateStore", "Aggregates", "BankingDomain", "EventStore", "Kafka", "Postgres", "Refold",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            resources: [.embedInCode("SQL")],
            swiftSettings: settings
        ),

        // What tests share.
        .target(
            name: "TestSupport",
            dependencies: ["Postgres", "Redis"],
            path: "Tests/Support/TestSupport",
            swiftSettings: settings
        ),
        .target(
            name: "TestProjections",
            dependencies: ["Engine", "EventStore", "Postgres", "Refold"],
            path: "Tests/Support/TestProjections",
            swiftSettings: settings
        ),
        .target(
            name: "WriteSimulation",
            dependencies: [
                "Aggregates", "AggregateStore", "BankingDomain", "EventStore", "Postgres", "Refold", "TestSupport",
                "VideoDomain",
            ],
            path: "Tests/Support/WriteSimulation",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TestWriter",
            dependencies: ["BankingDomain", "Refold", "TestSupport", "WriteSimulation"],
            path: "Tests/Support/TestWriter",
            swiftSettings: settings
        ),

        .executableTarget(
            name: "MockCluster",
            dependencies: ["CRdkafka"],
            path: "Tests/Support/MockCluster",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TestRefold",
            dependencies: ["Refold", "RefoldCommandLine", "TestProjections"],
            path: "Tests/Support/TestRefold",
            swiftSettings: settings
        ),

        .target(
            name: "AppliedEvents",
            dependencies: ["Kafka", "Postgres", "Refold"],
            path: "Tests/Support/AppliedEvents",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "TestConsumer",
            dependencies: ["AppliedEvents", "Kafka", "Postgres"],
            path: "Tests/Support/TestConsumer",
            swiftSettings: settings
        ),

        // Tests that need no server and no second process.
        .testTarget(
            name: "AggregateStoreTests",
            dependencies: ["AggregateStore"],
            path: "Tests/Pure/AggregateStoreTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "AggregatesTests",
            dependencies: ["Aggregates", "Refold"],
            path: "Tests/Pure/AggregatesTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "BlockingCallsTests",
            dependencies: ["BlockingCalls"],
            path: "Tests/Pure/BlockingCallsTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RefoldCommandLineTests",
            dependencies: [
                "Engine", "EventStore", "HotCache", "Postgres", "Redis", "Refold", "RefoldCommandLine",
                "RefoldInstallation",
            ],
            path: "Tests/Pure/RefoldCommandLineTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "DomainTests",
            dependencies: ["Aggregates", "BankingDomain", "Refold", "VideoDomain"],
            path: "Tests/Pure/DomainTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "HotCacheTests",
            dependencies: ["Engine", "HotCache", "Refold", "TestProjections", "TestSupport", "Timing"],
            path: "Tests/Pure/HotCacheTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "Engine", "EventStore", "Postgres", "Refold", "RefoldTestKit", "TestProjections", "TestSupport",
                "Timing",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Pure/EngineTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "EventStoreTests",
            dependencies: ["EventStore", "Refold"],
            path: "Tests/Pure/EventStoreTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KafkaTests",
            dependencies: ["Kafka", "Refold"],
            path: "Tests/Pure/KafkaTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresTests",
            dependencies: ["Postgres"],
            path: "Tests/Pure/PostgresTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProjectionTests",
            dependencies: [
                "BankingProjections", "BankingDomain", "Refold", "RefoldTestKit", "TestSupport",
                "VideoProjections", "VideoDomain",
            ],
            path: "Tests/Pure/ProjectionTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RedisTests",
            dependencies: ["Redis"],
            path: "Tests/Pure/RedisTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RefoldTests",
            dependencies: ["BankingDomain", "Refold", "TestSupport", "VideoDomain"],
            path: "Tests/Pure/RefoldTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayTests",
            dependencies: ["Engine", "EventStore", "Refold", "Relay"],
            path: "Tests/Pure/RelayTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SampleLogTests",
            dependencies: ["EventStore", "Refold", "SampleLog", "VideoDomain"],
            path: "Tests/Pure/SampleLogTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TimingTests",
            dependencies: ["TestSupport", "Timing"],
            path: "Tests/Pure/TimingTests",
            swiftSettings: settings
        ),

        // Tests that need PostgreSQL or Redis.
        .testTarget(
            name: "AggregateStoreServerTests",
            dependencies: [
                "Aggregates", "AggregateStore", "BankingDomain", "EventStore", "Postgres", "Refold", "TestSupport",
            ],
            path: "Tests/Servers/AggregateStoreServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "HotCacheServerTests",
            dependencies: [
                "Engine", "HotCache", "Postgres", "Redis", "Refold", "TestProjections", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Servers/HotCacheServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "EngineServerTests",
            dependencies: [
                "Engine", "EventStore", "HotCache", "Postgres", "Redis", "Refold", "RefoldCommandLine",
                "RefoldInstallation", "SampleLog", "TestProjections", "TestSupport", "Timing", "VideoProjections",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            path: "Tests/Servers/EngineServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "EventStoreServerTests",
            dependencies: ["EventStore", "Postgres", "Refold", "TestSupport"],
            path: "Tests/Servers/EventStoreServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["EventStore", "Postgres", "Redis", "Refold", "SampleLog", "TestSupport"],
            path: "Tests/Servers/IntegrationTests",
            exclude: ["Fixtures"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KafkaServerTests",
            dependencies: [
                "Kafka", "MockCluster", "Postgres", "Refold", "TestSupport",
            ],
            path: "Tests/Servers/KafkaServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresServerTests",
            dependencies: ["Postgres", "TestSupport", .product(name: "Logging", package: "swift-log")],
            path: "Tests/Servers/PostgresServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RedisServerTests",
            dependencies: ["Redis", "TestSupport"],
            path: "Tests/Servers/RedisServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RelayServerTests",
            dependencies: [
                "AppliedEvents", "ExampleServices", "Kafka", "MockCluster", "Postgres", "Refold", "TestConsumer",
                "TestSupport",
            ],
            path: "Tests/Servers/RelayServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SampleLogServerTests",
            dependencies: ["EventStore", "Postgres", "Refold", "SampleLog", "TestSupport"],
            path: "Tests/Servers/SampleLogServerTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "WriteSideServerTests",
            dependencies: [
                "Aggregates", "AggregateStore", "BankingDomain", "EventStore", "Postgres", "Redis", "Refold",
                "RefoldCommandLine", "RefoldInstallation", "TestSupport", "VideoDomain", "WriteSimulation",
            ],
            path: "Tests/Servers/WriteSideServerTests",
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// The build for a sanitizer needs no tests with servers.
if Context.environment["REFOLD_TESTS"] == "pure" {
    package.targets.removeAll { $0.path?.hasPrefix("Tests/Servers/") == true }
}
