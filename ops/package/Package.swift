// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "@name@",
    dependencies: [.package(url: "@url@", from: "@version@")],
    targets: [
        .target(
            name: "Orders",
            dependencies: [
                .product(name: "Aggregates", package: "@package@"),
                .product(name: "Refold", package: "@package@"),
            ]
        ),
        .executableTarget(
            name: "@name@",
            dependencies: ["Orders", .product(name: "RefoldCommandLine", package: "@package@")],
            path: "Sources/Program"
        ),
        .testTarget(
            name: "OrdersTests",
            dependencies: [
                "Orders",
                .product(name: "Aggregates", package: "@package@"),
                .product(name: "Refold", package: "@package@"),
                .product(name: "RefoldTestKit", package: "@package@"),
            ]
        ),
    ]
)
