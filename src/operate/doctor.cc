// SPDX-License-Identifier: Apache-2.0
// The checks behind `cairn doctor`: see doctor.h.
#include "cairn/operate/doctor.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "cairn/base/process.h"
#include "cairn/base/progress.h"
#include "cairn/base/thread_pool.h"
#include "cairn/store/store.h"

namespace cairn::operate {

namespace {

constexpr double kMemoryBytesMin = 2e9;  // the sample company peaks below 1 GB; leave as much again
constexpr double kDiskBytesMin = 1e9;

Check check_memory() {
    const double bytes =
        static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
    Check check{"memory", Health::kGood, human_bytes(bytes), {}};
    if (bytes < kMemoryBytesMin) {
        check.health = Health::kWarning;
        check.advice = "less than " + human_bytes(kMemoryBytesMin) + ": tuning may not fit";
    }
    return check;
}

Check check_disk(const std::filesystem::path& where) {
    struct statvfs space = {};
    if (::statvfs(where.c_str(), &space) != 0) {
        return {
            "disk", Health::kWarning, "the free space of " + where.string() + " is not known", {}};
    }
    const double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
    Check check{"disk", Health::kGood, human_bytes(free) + " free", {}};
    if (free < kDiskBytesMin) {
        check.health = Health::kBad;
        check.advice = "make room: less than " + human_bytes(kDiskBytesMin) + " is left";
    }
    return check;
}

Check check_pdftotext() {
    const auto version = run_child({"pdftotext", "-v"});
    if (!version) {
        return {"pdftotext", Health::kWarning, version.error().message,
                "install poppler-utils, or PDF files will be reported as failed"};
    }
    const std::string& text = version->error;
    return {"pdftotext", Health::kGood, text.substr(0, text.find('\n')), {}};
}

Check check_store(const std::filesystem::path& root) {
    auto store = store::Store::open(root);
    if (!store) return {"store", Health::kBad, store.error().message, store.error().hint};
    auto rows = store->database().query("PRAGMA quick_check");
    if (!rows) return {"store", Health::kBad, rows.error().message, rows.error().hint};
    const auto row = rows->step();
    const std::string found = row && *row ? rows->text(0) : "no answer";
    if (found != "ok") {
        return {"store", Health::kBad, "the database is damaged: " + found,
                "restore .cairn from a backup"};
    }
    return {"store", Health::kGood, (root / ".cairn").string() + " is whole", {}};
}

Check check_sources(const WorkspaceConfig& config) {
    for (const SourceConfig& source : config.sources) {
        if (::access(source.path.c_str(), R_OK | X_OK) != 0) {
            return {"sources", Health::kBad, "cannot read the folder " + source.path.string(),
                    "give this user permission to read it, or correct [[source]] in cairn.toml"};
        }
    }
    return {"sources", Health::kGood, std::to_string(config.sources.size()) + " can be read", {}};
}

}  // namespace

std::vector<Check> examine(const WorkspaceConfig* config) {
    std::vector<Check> checks;
    checks.push_back({"cores", Health::kGood, std::to_string(usable_cores()) + " usable", {}});
    checks.push_back(check_memory());
    checks.push_back(check_disk(config != nullptr ? config->root : std::filesystem::path(".")));
    checks.push_back(check_pdftotext());
    if (config != nullptr) {
        checks.push_back(check_store(config->root));
        checks.push_back(check_sources(*config));
    }
    return checks;
}

}  // namespace cairn::operate
