# SPDX-License-Identifier: Apache-2.0
# Every third-party library, found once. All are Debian packages (scripts/setup). Rooms name the
# targets in LIBRARIES.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n data)
foreach(name IN ITEMS sqlite3 libsodium libarchive pugixml gumbo gmime-3.0 re2 uchardet libxxhash
    libzstd tomlplusplus md4c prometheus-cpp-core)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${name})
endforeach()
