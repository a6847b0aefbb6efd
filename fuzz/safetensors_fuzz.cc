// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file: refused, or read with every tensor inside the input; the same
// bytes as a config.
#include <cstdint>

#include "cairn/format/hf_directory.h"
#include "cairn/format/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn::format;
    const std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
    const auto config = JsonConfig::parse({reinterpret_cast<const char*>(data), size});
    if (config) {
        for (const std::string& key : config->keys()) {
            (void)config->get_integer(key);
            (void)config->get_numbers(key);
            (void)config->get_strings(key + ".0");
        }
    }
    const auto file = SafetensorsFile::parse(input);
    if (!file) return 0;
    for (const SafetensorsTensor& tensor : file->tensors()) {
        CAIRN_ASSERT(tensor.bytes.data() >= input.data());
        CAIRN_ASSERT(tensor.bytes.data() + tensor.bytes.size() <= input.data() + size);
        CAIRN_ASSERT(tensor.bytes.size() ==
                     tensor.elements() * safetensors_type_bytes(tensor.type));
        CAIRN_ASSERT(file->find(tensor.name) == &tensor);
    }
    const auto written = write_safetensors(file->tensors());
    CAIRN_ASSERT(written.has_value());
    CAIRN_ASSERT(SafetensorsFile::parse(std::as_bytes(std::span(*written))).has_value());
    return 0;
}
