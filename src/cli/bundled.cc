// SPDX-License-Identifier: Apache-2.0
// Access to the embedded files (cmake/Embed.cmake): see bundled.h.
#include "bundled.h"

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "embedded/console.h"
#include "embedded/models.h"

namespace cairn::cli {

std::vector<BundledModel> bundled_models() {
    std::vector<BundledModel> models;
    for (const EmbeddedFile& file : embedded::models()) {
        models.push_back({std::string(file.path.substr(0, file.path.rfind('.'))), file.bytes});
    }
    return models;
}

Result<std::filesystem::path> unpack_bundled_model(const std::string& name,
                                                   const std::filesystem::path& folder) {
    std::string known;
    for (const BundledModel& model : bundled_models()) {
        known += (known.empty() ? "" : ", ") + model.name;
        if (model.name != name) continue;
        const auto path = folder / (name + "-" + sha256_hex(model.bytes).substr(0, 12) + ".gguf");
        std::error_code ignored;
        if (std::filesystem::file_size(path, ignored) == model.bytes.size()) return path;
        CAIRN_TRY(make_folders(folder));
        CAIRN_TRY(write_file_atomic(path, model.bytes));
        return path;
    }
    return make_error(Code::kNotFound, "no bundled model is called '" + name + "'",
                      "bundled: " + known + "; or name a file: base = \"file:path/to/model.gguf\"");
}

std::span<const EmbeddedFile> bundled_console() {
    return embedded::console();
}

}  // namespace cairn::cli
