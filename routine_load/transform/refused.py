"""Functions of the vendors' manuals that load expressions do not have, and why: what CREATE answers to their names.

Every name of tests/golden/load/functions.inventory is either in the registry or here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_REASONS: dict[str, str] = {
    "it is not the same with a lambda expression of one value; use transform_keys and transform_values, array_sortby": (
        "map_apply array_sortby_multi"
    ),
    "a row that is looked at again must give the same number; derive it from the row, with a hash for example": (
        "rand random uniform random_bytes array_shuffle uuid_v7_numeric"
    ),
    "ciphers, compression and addresses as bytes are not part of this program": (
        "aes_encrypt aes_decrypt sm4_encrypt sm4_decrypt compress uncompress encode_sort_key "
        "ipv6_string_to_num ipv6_string_to_num_or_default ipv6_string_to_num_or_null ipv6_num_to_string cut_ipv6 "
        "ipv4_to_ipv6 is_ipv4_compat is_ipv4_mapped st_asbinary encode decode"
    ),
    "the types IPV4, IPV6 and VARIANT do not exist here": (
        "to_ipv4 to_ipv4_or_default to_ipv4_or_null to_ipv6 to_ipv6_or_default to_ipv6_or_null ipv4_cidr_to_range "
        "ipv6_cidr_to_range parse_to_variant try_parse_to_variant variant_type"
    ),
    "arrays of structs are not supported in a load expression": "arrays_zip array_zip map_entries map_from_entries zip",
    "the fields of a struct are not known in a load expression": "struct_element",
    "it is not the same in any library that is kept": (
        "murmur_hash3_64 xx_hash3_32 json_hash xpath_string "
        "normalize_json_numbers_to_double json_object_flatten json_search sort_json_object_keys"
    ),
    "text analysers are not part of this program": "tokenize search",
    "its first word begins something else in a load expression": "interval get_format convert_to default json_update",
    "it is about the session, the cluster or the statement, not about a row": (
        "auto_partition_name catalog current_catalog current_role current_user current_version current_warehouse "
        "database user session_user version host_name connection_id last_query_id get_query_profile "
        "is_role_in_session column_size column_compressed_size index_size materialize sleep esquery g grouping "
        "grouping_id convert_interval"
    ),
    "geographic values do not exist here": (
        "st_angle st_angle_sphere st_area_square_km st_area_square_meters st_astext st_aswkt st_azimuth st_circle "
        "st_contains st_disjoint st_distance st_distance_sphere st_geometryfromtext st_geometryfromwkb "
        "st_geometrytype st_intersects st_length st_linefromtext st_linestringfromtext st_point st_polygon st_touches "
        "st_x st_y"
    ),
    "models are not called while rows are loaded": (
        "embed ai_classify ai_extract ai_filter ai_fixgrammar ai_generate ai_mask ai_sentiment ai_similarity "
        "ai_summarize ai_translate"
    ),
}

REFUSED: Mapping[str, str] = MappingProxyType(
    {name: reason for reason, names in _REASONS.items() for name in names.split()}
)
"""Name → why it is refused."""
