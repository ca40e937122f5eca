"""How well does the starter sort messages of businesses that it has never seen?

The messages are public data sets that are not part of the project: the folder given as the
argument, or by ``KIP_CORPORA``, holds one folder a set with ``train.tsv`` and ``test.tsv``
(columns ``text`` and ``label``). Nothing here learns from them. Without a folder it says so
and ends. ``--confusion`` adds what was taken for what; ``--model`` measures another model.
"""

import argparse
import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import figure
from inbox.triage import starter
from inbox.triage.model import TriageModel
from inbox.triage.text import fold

# Which of the eight types a label of a set is; a label that is not listed is not asked.
_BITEXT = {
    "order_delivery": "cancel_order change_order change_shipping_address check_cancellation_fee"
    " delivery_options delivery_period place_order set_up_shipping_address track_order",
    "account_access": "create_account delete_account edit_account recover_password"
    " registration_problems switch_account",
    "return_refund": "check_refund_policy get_refund track_refund",
    "billing_payment": "check_invoice check_payment_methods get_invoice payment_issue",
    "complaint": "complaint review",
    "general": "contact_customer_service contact_human_agent newsletter_subscription",
}
_BANKING77 = {
    "product_advice": "age_limit atm_support card_acceptance country_support"
    " disposable_card_limits exchange_via_app fiat_currency_support"
    " get_disposable_virtual_card getting_spare_card getting_virtual_card"
    " supported_cards_and_currencies visa_or_mastercard",
    "order_delivery": "card_arrival card_delivery_estimate order_physical_card",
    "return_refund": "Refund_not_showing_up request_refund",
    "technical_support": "apple_pay_or_google_pay card_linking card_not_working"
    " contactless_not_working virtual_card_not_working",
    "account_access": "activate_my_card card_about_to_expire card_swallowed change_pin"
    " compromised_card edit_personal_details get_physical_card lost_or_stolen_card"
    " lost_or_stolen_phone passcode_forgotten pin_blocked terminate_account"
    " unable_to_verify_identity verify_my_identity verify_source_of_funds"
    " why_verify_identity",
    "billing_payment": "automatic_top_up balance_not_updated_after_bank_transfer"
    " balance_not_updated_after_cheque_or_cash_deposit beneficiary_not_allowed"
    " cancel_transfer card_payment_fee_charged card_payment_not_recognised"
    " card_payment_wrong_exchange_rate cash_withdrawal_charge cash_withdrawal_not_recognised"
    " declined_card_payment declined_cash_withdrawal declined_transfer"
    " direct_debit_payment_not_recognised exchange_charge exchange_rate"
    " extra_charge_on_statement failed_transfer pending_card_payment"
    " pending_cash_withdrawal pending_top_up pending_transfer receiving_money"
    " reverted_card_payment? top_up_by_bank_transfer_charge top_up_by_card_charge"
    " top_up_by_cash_or_cheque top_up_failed top_up_limits top_up_reverted"
    " topping_up_by_card transaction_charged_twice transfer_fee_charged"
    " transfer_into_account transfer_not_received_by_recipient transfer_timing"
    " verify_top_up wrong_amount_of_cash_received wrong_exchange_rate_for_cash_withdrawal",
}
_VI_SHOP_CHAT = {
    "product_advice": "ask_brand ask_category ask_coupon ask_filter ask_finding_shoe"
    " ask_hot_shoe ask_list_category ask_new_shoe ask_price ask_product ask_promotion"
    " ask_shoe_by_color ask_shoe_by_size ask_shoe_next ask_shoes_by_category"
    " ask_specific_shoe ask_view_menu cac_goi_tra_gop cach_mua_tra_gop can_tu_van"
    " dieu_kien_tra_gop_0_dong do_tuoi_tra_gop dung_giay_to_cua_nguoi_than_tra_gop"
    " giay_to_khi_tra_gop hoi_cac_loai_san_pham hoi_cau_hinh_san_pham hoi_danh_sach_san_pham"
    " hoi_gia_online hoi_gia_san_pham hoi_gia_san_pham_cu hoi_sp_quanh_mot_muc_gia"
    " hoi_thong_tin_man_hinh hoi_thong_tin_pin kiem_tra_gia_san_pham lai_suat_khi_tra_gop"
    " mua_cu_duoc_tra_gop_khong mua_online_duoc_tra_gop_khong san_pham_duoc_tra_gop_hay_khong"
    " san_pham_duoc_tra_gop_khong_lai_suat thoi_gian_dang_ky_tra_gop thu_mua_may_cu"
    " tien_dong_hang_thang tim_san_pham_duoi_mot_muc_gia tim_san_pham_trong_khoang_gia"
    " tim_san_pham_tren_mot_muc_gia tra_gop_hai_hay_nhieu_ho_so tra_truoc_tra_gop",
    "order_delivery": "ask_add_to_cart ask_edit_cart ask_place_order ask_view_cart dat_mua"
    " giao_hang",
    "billing_payment": "thanh_toan_bankplus thanh_toan_nap_the thanh_toan_qua_cua_hang",
    "general": "ask_help bot_challenge cam_on chao goodbye greet hoi_bot_la_gi"
    " hoi_chuc_nang_cua_bot hoi_co_ny_chua introduce solo_yasuo tam_biet thank",
}
_VINUNI = {
    "return_refund": "doi_tra hoan_tien",
    "complaint": "san_pham_loi",
    "product_advice": "hoi_thong_tin",
    "order_delivery": "van_chuyen",
}
# A chat robot asked these of its visitor, so the line alone has no meaning: food_delivery.
_LEFT_OUT_SOURCES = {"food_delivery"}


class _Set(NamedTuple):
    folder: str
    types: dict[str, str]
    files: tuple[str, ...]
    goal: str


_SETS = (
    _Set("bitext_cs", _BITEXT, ("train.tsv", "test.tsv"), "82"),
    _Set("banking77", _BANKING77, ("test.tsv",), "62"),
    _Set("vi_shop_chat", _VI_SHOP_CHAT, ("train.tsv", "test.tsv"), "85"),
    _Set("vinuni_tickets_vi", _VINUNI, ("train.tsv", "test.tsv"), "-"),
)


def main() -> None:
    """Print one figure a set: the share of messages that get the right type."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="?", default=os.environ.get("KIP_CORPORA", ""))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--confusion", action="store_true")
    asked = parser.parse_args()
    if not asked.corpora:
        sys.stdout.write("starter: no data sets given, nothing measured\n")
        return
    model = TriageModel.load(asked.model or starter.ensure())
    for one in _SETS:
        if not (Path(asked.corpora) / one.folder).is_dir():
            continue
        said = list(_answers(model, Path(asked.corpora), one))
        right = sum(counts for _, counts in _right(said))
        figure(f"starter_{one.folder}", 100 * right / len(said), "% right", one.goal)
        plain = sum(answer.folded for answer in said)
        figure(f"starter_{one.folder}_folded_same", 100 * plain / len(said), "%", "100")
        if asked.confusion:
            _confusion(said)


class _Answer(NamedTuple):
    label: str
    true: str
    said: str
    folded: bool  # the same answer without diacritics


def _answers(model: TriageModel, corpora: Path, one: _Set) -> Iterator[_Answer]:
    type_of = {label: key for key, labels in one.types.items() for label in labels.split()}
    for name in one.files:
        with (corpora / one.folder / name).open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                true = type_of.get(row["label"])
                if true is None or row.get("src") in _LEFT_OUT_SOURCES:
                    continue
                said = model.predict("", row["text"]).request_type
                bare = model.predict("", fold(row["text"])).request_type
                yield _Answer(row["label"], true, said, said == bare)


def _right(said: list[_Answer]) -> list[tuple[str, int]]:
    counts = Counter(answer.label for answer in said if answer.said == answer.true)
    return sorted(counts.items())


def _confusion(said: list[_Answer]) -> None:
    right = dict(_right(said))
    asked = Counter(answer.label for answer in said)
    true = {answer.label: answer.true for answer in said}
    for label, n in sorted(asked.items(), key=lambda entry: right.get(entry[0], 0) - entry[1]):
        taken = Counter(answer.said for answer in said if answer.label == label)
        print(f"  {true[label]} {label} {right.get(label, 0)}/{n} {dict(taken.most_common(4))}")


if __name__ == "__main__":
    main()
