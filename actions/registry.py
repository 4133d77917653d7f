"""The actions that may be done for an account; ``actions.decide`` chooses one of them."""

from actions.action import Action
from actions.advance_deal import AdvanceDeal
from actions.cross_sell_email import CrossSellEmail
from actions.renewal_call import RenewalCall
from actions.upsell_offer import UpsellOffer
from actions.wait import Wait
from actions.win_back_email import WinBackEmail

ACTIONS: tuple[Action, ...] = (
    RenewalCall(),
    UpsellOffer(),
    CrossSellEmail(),
    WinBackEmail(),
    AdvanceDeal(),
    Wait(),
)
